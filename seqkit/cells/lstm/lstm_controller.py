"""The LSTM with a control vector beside its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class ControllerLSTM(Cell):
    """Long short-term memory with a controller: gates read a vector v of their own, not the output.

    With ``a = W_x x + U v + b`` for each gate::

        i, f, o, m = σ(a_i), σ(a_f), σ(a_o), σ(a_m)   g = tanh(a_g)
        c' = f ⊙ c + i ⊙ g
        h' = o ⊙ tanh(c')                                v' = m ⊙ tanh(c')

    Shapes:
        x, r (B, 5·H) in the order i, f, g, o, m; the state is ``h``, ``v`` and ``c``, (B, H) each.

    Examples:
        A closed output gate hides what the gates of the next step still read:

        >>> import torch
        >>> x, zero = torch.tensor([[20.0, 0.0, 20.0, -20.0, 20.0]]), torch.zeros(1, 1)
        >>> h, v, c = ControllerLSTM().step(x, torch.zeros(1, 5), (zero, zero, zero))
        >>> round(h.item(), 4), round(v.item(), 4), c.item()
        (0.0, 0.7616, 1.0)

    Use: in place of an LSTM, where outputs should not have to serve its memory, too.

    Source: the cell `MCLSTM` of torchrecurrent 0.2.5, after a workshop paper on sequence modeling, 2017.
    """

    gate_names = ("i", "f", "g", "o", "m")
    state_names = ("h", "v", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1, "i": -1}
    zero_states = ("h",)

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``v``."""
        return state[1]

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``, ``v`` and ``c``; the equations are the class's."""
        (_, _, c), (i, f, g, o, m) = state, self.gates(x, r, state).values()
        c = f * c + i * g
        squashed = tanh(c)
        return o * squashed, m * squashed, c

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, f, g, o and m."""
        i, f, g, o, m = (x + r).chunk(5, -1)
        return {"i": sigmoid(i), "f": sigmoid(f), "g": tanh(g), "o": sigmoid(o), "m": sigmoid(m)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
