"""The quasi-recurrent network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class QRNN(Cell):
    """The quasi-recurrent network: gates that see the input and the one before it, and a pool that they write to.

    With ``a = W_x x + b`` for each gate and a part that it leaves for the next step, p_z, p_f and p_o::

        z, f, o = tanh(a_z + p_z), σ(a_f + p_f), σ(a_o + p_o)
        c' = f ⊙ c + (1 - f) ⊙ z          h' = o ⊙ c'
        p_z', p_f', p_o' = a_next_z, a_next_f, a_next_o

    There are no recurrent weights. This is the paper's fo-pooling with a window of two inputs; before the first input
    there are zeros.

    Shapes:
        x (B, 6·H) in the order z, f, o, next_z, next_f, next_o; r (B, 0); the state is ``h``, ``c``, ``p_z``, ``p_f``
        and ``p_o``, (B, H) each.

    Examples:
        What an input leaves for the next step closes the forget gate there, which takes the candidate in:

        >>> import torch
        >>> def run(left):
        ...     x, nothing = torch.tensor([[9.0, 0.0, 20.0, 0.0, left, 0.0]]), torch.zeros(1, 0)
        ...     _, c, *_ = QRNN().step(x, nothing, QRNN().step(x, nothing, (torch.zeros(1, 1),) * 5))
        ...     return round(c.item(), 2)
        >>> run(0.0), run(-20.0)
        (0.75, 1.0)

    Use: over long sequences in several layers, where neighbouring inputs belong together, as characters and sounds do.

    Source: Bradbury et al., "Quasi-recurrent neural networks", 2017 (arXiv:1611.01576), equations 2 and 4.
    """

    gate_names = ("z", "f", "o", "next_z", "next_f", "next_o")
    state_names = ("h", "c", "p_z", "p_f", "p_o")
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1}
    zero_states = ("h", "p_z", "p_f", "p_o")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new states; the equations are the class's."""
        z, f, o, *left = self.gates(x, r, state).values()
        c = f * state[1] + (1 - f) * z
        return o * c, c, *left

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of z, f and o, and what is left for the next step."""
        _, _, p_z, p_f, p_o = state
        z, f, o, *left = x.chunk(6, -1)
        values = (tanh(z + p_z), sigmoid(f + p_f), sigmoid(o + p_o), *left)
        return dict(zip(self.gate_names, values, strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
