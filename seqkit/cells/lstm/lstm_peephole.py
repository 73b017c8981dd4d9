"""The LSTM whose gates see the cell state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Saved, StepGradients


class PeepholeLSTM(Cell):
    """Long short-term memory with peepholes: each gate sees the cell state through one weight for each unit.

    With ``a = W_x x + W_h h + b`` for each gate::

        i, f = σ(a_i + p_i ⊙ c), σ(a_f + p_f ⊙ c)      g = tanh(a_g)
        c' = f ⊙ c + i ⊙ g
        o = σ(a_o + p_o ⊙ c')                          h' = o ⊙ tanh(c')

    The peepholes start at 0, so that a new layer is a plain LSTM, and the forget gate's bias at 1.

    Shapes:
        x, r (B, 4·H) in the order i, f, g, o; peepholes (H); the state is ``h`` and ``c``, (B, H) each.

    Examples:
        A negative peephole of the forget gate empties a unit once its cell state is large:

        >>> import torch
        >>> p = {"p_i": torch.zeros(1), "p_f": torch.tensor([-40.0]), "p_o": torch.zeros(1)}
        >>> i, f, g, o = -20.0, 20.0, 0.0, 20.0
        >>> x, r, h = torch.tensor([[i, f, g, o]]), torch.zeros(1, 4), torch.zeros(1, 1)
        >>> [round(PeepholeLSTM().step(x, r, (h, torch.tensor([[c]])), **p)[1].item(), 4) for c in (0.1, 0.9)]
        [0.1, 0.0]

    Use: where gates have to follow a count or an interval, as in timing.

    Source: Gers, Schraudolph and Schmidhuber, "Learning precise timing with LSTM recurrent networks", 2002.
    """

    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1, "i": -1}

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """The peepholes ``p_i``, ``p_f``, ``p_o``, (H) each."""
        return {name: torch.zeros(hidden_size) for name in ("p_i", "p_f", "p_o")}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, p_i: Tensor, p_f: Tensor, p_o: Tensor) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        *_, o, c = _gates(x + r, state, p_i, p_f, p_o)
        return o * tanh(c), c

    def gates(
        self, x: Tensor, r: Tensor, state: CellState, *, p_i: Tensor, p_f: Tensor, p_o: Tensor
    ) -> dict[str, Tensor]:
        """The values of i, f, g and o."""
        *gates, _ = _gates(x + r, state, p_i, p_f, p_o)
        return dict(zip(self.gate_names, gates, strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """The forget gate."""
        return gates["f"]

    def step_backward(self, grad: CellState, saved: Saved, *, p_i: Tensor, p_f: Tensor, p_o: Tensor) -> StepGradients:
        """As the plain LSTM's, with ``dc += da_o p_o`` before the gates and ``da_i p_i + da_f p_f`` after them."""
        (dh, dc), (_, c), (_, c_new) = grad, saved.state, saved.new
        a_i, a_f, a_g, a_o = (saved.x + saved.r).chunk(4, -1)
        i, f, g, o = sigmoid(a_i + p_i * c), sigmoid(a_f + p_f * c), tanh(a_g), sigmoid(a_o + p_o * c_new)
        tanh_c = tanh(c_new)
        da_o = dh * tanh_c * o * (1 - o)
        dc = dc + dh * o * (1 - tanh_c * tanh_c) + da_o * p_o
        da_i, da_f, da_g = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g)
        own = {"p_i": (da_i * c).sum(0), "p_f": (da_f * c).sum(0), "p_o": (da_o * c_new).sum(0)}
        da = torch.cat([da_i, da_f, da_g, da_o], -1)
        return StepGradients(da, da, (torch.zeros_like(dh), dc * f + da_i * p_i + da_f * p_f), own)


def _gates(a: Tensor, state: CellState, p_i: Tensor, p_f: Tensor, p_o: Tensor) -> tuple[Tensor, ...]:
    """i, f, g, o, and the new cell state, which o sees."""
    _, c = state
    a_i, a_f, a_g, a_o = a.chunk(4, -1)
    i, f, g = sigmoid(a_i + p_i * c), sigmoid(a_f + p_f * c), tanh(a_g)
    c = f * c + i * g
    return i, f, g, sigmoid(a_o + p_o * c), c
