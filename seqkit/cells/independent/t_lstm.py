"""The strongly typed LSTM: gates of this input and the one before."""

from __future__ import annotations

from torch import Tensor

from seqkit.cells.base import CellState
from seqkit.cells.independent.t_gru import TGRU


class TLSTM(TGRU):
    """The strongly typed LSTM: gates see this input and the one before, and no state.

    With ``a = W_x x + b`` of this input and ``v = V x + d`` of the one before, for each gate::

        z = a_z + v_z         f = σ(a_f + v_f)         o = tanh(a_o + v_o)
        c' = f ⊙ c + (1 - f) ⊙ z              h' = c' ⊙ o

    There are no recurrent weights: a unit's memory is an average of its own past, so that what it means stays the same.

    Shapes:
        x (B, 6·H) in the order z, f, o, and the same of V; r (B, 0); the state is ``h``, ``c``, and v of the
        input before, ``v_z``, ``v_f`` and ``v_o``, (B, H) each.

    Examples:
        What V makes of an input counts one step later:

        >>> import torch
        >>> cell, state = TLSTM(), (torch.zeros(1, 1),) * 5
        >>> for x in ([[0.0, 0.0, 20.0, 0.5, 0.0, 0.0]], [[0.0, -20.0, 20.0, 0.0, 0.0, 0.0]]):
        ...     state = cell.step(torch.tensor(x), torch.zeros(1, 0), state)
        ...     print(state[0])
        tensor([[0.]])
        tensor([[0.5000]])

    Use: for long sequences in several layers, where the pair of two inputs says what to write.

    Source: Balduzzi and Ghifary, "Strongly-typed recurrent neural networks", 2016 (arXiv:1602.02218), section 3.
    """

    state_names = ("h", "c", "v_z", "v_f", "v_o")
    zero_states = ("h",)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``, ``c`` and v; the equations are the class's."""
        z, f, o, *v = self.gates(x, r, state).values()
        c = f * state[1] + (1 - f) * z
        return (c * o, c, *v)
