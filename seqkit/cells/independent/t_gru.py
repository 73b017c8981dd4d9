"""The strongly typed GRU: gates of this input and the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class TGRU(Cell):
    """The strongly typed GRU: gates see this input and the one before, and no state.

    With ``a = W_x x + b`` of this input and ``v = V x + d`` of the one before, for each gate::

        z = a_z + v_z         f = σ(a_f + v_f)         o = tanh(a_o + v_o)
        h' = f ⊙ h + z ⊙ o

    There are no recurrent weights: a unit's memory is an average of its own past, so that what it means stays the same.

    Shapes:
        x (B, 6·H) in the order z, f, o, and the same of V; r (B, 0); the state is ``h`` and v of the input before,
        ``v_z``, ``v_f`` and ``v_o``, (B, H) each.

    Examples:
        What V makes of an input counts one step later:

        >>> import torch
        >>> cell, state = TGRU(), (torch.zeros(1, 1),) * 4
        >>> for x in ([[0.0, 0.0, 20.0, 0.5, 0.0, 0.0]], [[0.0, -20.0, 20.0, 0.0, 0.0, 0.0]]):
        ...     state = cell.step(torch.tensor(x), torch.zeros(1, 0), state)
        ...     print(state[0])
        tensor([[0.]])
        tensor([[0.5000]])

    Use: for long sequences in several layers, where the pair of two inputs says what to write.

    Source: Balduzzi and Ghifary, "Strongly-typed recurrent neural networks", 2016 (arXiv:1602.02218), section 3.
    """

    gate_names = ("z", "f", "o", "v_z", "v_f", "v_o")
    state_names: ClassVar[tuple[str, ...]] = ("h", "v_z", "v_f", "v_o")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and v; the equations are the class's."""
        z, f, o, *v = self.gates(x, r, state).values()
        return (f * state[0] + z * o, *v)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of z, f and o, and v of this input."""
        z, f, o, *v = x.chunk(6, -1)
        before = state[-3:]
        values = {"z": z + before[0], "f": sigmoid(f + before[1]), "o": tanh(o + before[2])}
        return {**values, **dict(zip(("v_z", "v_f", "v_o"), v, strict=True))}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
