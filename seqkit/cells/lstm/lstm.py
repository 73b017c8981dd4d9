"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Saved, StepGradients


class LSTM(Cell):
    """Long short-term memory with a forget gate.

    With ``a = W_x x + W_h h + b`` for each gate::

        i, f, o = σ(a_i), σ(a_f), σ(a_o)      g = tanh(a_g)
        c' = f ⊙ c + i ⊙ g                    h' = o ⊙ tanh(c')

    The forget gate's bias starts at 1, so that a new layer remembers (Jozefowicz, Zaremba and Sutskever, 2015).

    Shapes:
        x, r (B, 4·H) in the order i, f, g, o; the state is ``h`` and ``c``, (B, H) each.

    Examples:
        With the input gate closed and the others open the cell keeps ``c``, whatever comes in:

        >>> import torch
        >>> i, f, g, o = -20.0, 20.0, 3.0, 20.0
        >>> x, r = torch.tensor([[i, f, g, o]]), torch.zeros(1, 4)
        >>> h, c = LSTM().step(x, r, (torch.zeros(1, 1), torch.tensor([[0.7]])))
        >>> c, h  # h is tanh(c)
        (tensor([[0.7000]]), tensor([[0.6044]]))

    Use: first; the most tried of all cells, and the default.

    Source: Hochreiter and Schmidhuber, 1997; forget gate: Gers, Schmidhuber and Cummins, 2000.
    """

    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1, "i": -1}

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        _, c = state
        i, f, g, o = _gates(x + r)
        c = f * c + i * g
        return o * tanh(c), c

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, f, g and o."""
        return dict(zip(self.gate_names, _gates(x + r), strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """The forget gate."""
        return gates["f"]

    def step_backward(self, grad: CellState, saved: Saved) -> StepGradients:
        """``dc = dc' + dh' o (1 - tanh² c')``, then each gate's share times the slope of its σ or tanh."""
        dh, dc = grad
        _, c = saved.state
        i, f, g, o = _gates(saved.x + saved.r)
        tanh_c = tanh(saved.new[1])
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * tanh_c
        da = torch.cat([di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)], -1)
        # x and r only occur as their sum; h enters only through r, which the time loop takes care of.
        return StepGradients(da, da, (torch.zeros_like(dh), dc * f))


def _gates(a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    i, f, g, o = a.chunk(4, -1)
    return sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
