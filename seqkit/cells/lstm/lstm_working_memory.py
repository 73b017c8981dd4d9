"""The LSTM whose gates see the cell state through a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class WorkingMemoryLSTM(Cell):
    """Long short-term memory with working memory connections: each gate sees the whole cell state, squashed.

    With ``a = W_x x + U h + b`` for each gate::

        i = σ(a_i + tanh(V_i c))           f = σ(a_f + tanh(V_f c))
        c' = f ⊙ c + i ⊙ tanh(a_g)
        o = σ(a_o + tanh(V_o c'))          h' = o ⊙ tanh(c')

    Peepholes with a matrix in place of a weight for each unit, and a tanh that keeps large cell states from deciding
    all by themselves.

    Shapes:
        x (B, 4·H) in the order i, f, g, o; r (B, 7·H) with the products of V for i, f and o behind; the state is ``h``
        and ``c``, (B, H) each.

    Examples:
        A full memory opens the output gate by its own product:

        >>> import torch
        >>> cell, state = WorkingMemoryLSTM(), (torch.zeros(1, 1), torch.ones(1, 1))
        >>> x, r = torch.tensor([[-20.0, 20.0, 0.0, 0.0]]), torch.zeros(1, 7)
        >>> for of_c in (-5.0, 5.0):
        ...     r[0, 6] = of_c
        ...     print(round(cell.step(x, r, state)[0].item(), 3))
        0.205
        0.557

    Use: where gates have to follow what is in the memory, as in long captions.

    Source: Landi et al., "Working memory connections for LSTM", 2021 (arXiv:2109.00020).
    """

    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1, "i": -1}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """A product of h, one of c for i and f, and one of the new c for o."""
        return (("i", "f", "g", "o"), ("v_i", "v_f"), ("v_o",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``, then ``c``, then the new ``c``."""
        return state[stage] if stage < 2 else self._written(x, r, state)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        c = self._written(x, r, state)
        return self.gates(x, r, state)["o"] * tanh(c), c

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, f, g and o."""
        _, _, _, o = (x + r[..., : x.shape[-1]]).chunk(4, -1)
        of_c = r[..., -state[0].shape[-1] :]
        return {**_inner(x, r), "o": sigmoid(o + tanh(of_c))}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]

    def _written(self, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """The new ``c``, for which the last product is not needed."""
        i, f, g = _inner(x, r).values()
        return f * state[1] + i * g


def _inner(x: Tensor, r: Tensor) -> dict[str, Tensor]:
    """The gates of c, from products of which the last may still be missing."""
    rows = x.shape[-1]
    i, f, g, _ = (x + r[..., :rows]).chunk(4, -1)
    of_i, of_f = r[..., rows : rows + rows // 2].chunk(2, -1)
    return {"i": sigmoid(i + tanh(of_i)), "f": sigmoid(f + tanh(of_f)), "g": tanh(g)}
