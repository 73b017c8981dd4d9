"""The simple recurrent unit with its highway."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, sigmoid

from seqkit.cells.base import Cell, CellState


class SRU(Cell):
    """The simple recurrent unit: gates that see the input and one weight of their own state, and a way past the unit.

    With ``a = W_x x + b`` for each gate::

        f, o = σ(a_f + v_f ⊙ c), σ(a_o + v_o ⊙ c)
        c' = f ⊙ c + (1 - f) ⊙ a_n        h' = o ⊙ c' + (1 - o) ⊙ a_s

    There are no recurrent weights. a_s stands for the input itself, which has another size in general; the paper calls
    o the reset gate r. The vectors v start at 0.

    Shapes:
        x (B, 4·H) in the order f, o, n, s; r (B, 0); v_f, v_o (H); the state is ``h`` and ``c``, (B, H) each.

    Examples:
        A closed output gate lets the input pass by, while the cell state still takes in the candidate:

        >>> import torch
        >>> zero, own = torch.zeros(1, 1), SRU().own_parameters(1)
        >>> SRU().step(torch.tensor([[-20.0, -20.0, 3.0, 0.5]]), torch.zeros(1, 0), (zero, zero), **own)
        (tensor([[0.5000]]), tensor([[3.]]))

    Use: in deep stacks, for speed; the paper has four layers and more.

    Source: Lei et al., "Simple recurrent units for highly parallelizable recurrence", 2018 (arXiv:1709.02755).
    """

    gate_names = ("f", "o", "n", "s")
    state_names = ("h", "c")
    zero_states = ("h",)

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """The weights ``v_f`` and ``v_o``, (H) each."""
        return {name: torch.zeros(hidden_size) for name in ("v_f", "v_o")}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, v_f: Tensor, v_o: Tensor) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        (_, c), (f, o, n, s) = state, self.gates(x, r, state, v_f=v_f, v_o=v_o).values()
        c = f * c + (1 - f) * n
        return o * c + (1 - o) * s, c

    def gates(self, x: Tensor, r: Tensor, state: CellState, *, v_f: Tensor, v_o: Tensor) -> dict[str, Tensor]:
        """The values of f, o, n and s."""
        (_, c), (f, o, n, s) = state, x.chunk(4, -1)
        return {"f": sigmoid(f + v_f * c), "o": sigmoid(o + v_o * c), "n": n, "s": s}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
