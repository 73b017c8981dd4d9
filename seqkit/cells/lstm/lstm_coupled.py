"""The LSTM with one gate for both input and forgetting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Saved, StepGradients


class CoupledLSTM(Cell):
    """Long short-term memory that forgets exactly as much as it stores (CIFG): the forget gate is ``1 - i``.

    With ``a = W_x x + W_h h + b`` for each gate::

        i, o = σ(a_i), σ(a_o)      g = tanh(a_g)
        c' = (1 - i) ⊙ c + i ⊙ g   h' = o ⊙ tanh(c')

    The input gate's bias starts at -1, so that a new layer remembers like an LSTM with a forget bias of 1.

    Shapes:
        x, r (B, 3·H) in the order i, g, o; the state is ``h`` and ``c``, (B, H) each.

    Examples:
        A half-open input gate takes half of the candidate, tanh(20) = 1, and keeps half of ``c``:

        >>> import torch
        >>> i, g, o = 0.0, 20.0, 20.0
        >>> x, r = torch.tensor([[i, g, o]]), torch.zeros(1, 3)
        >>> h, c = CoupledLSTM().step(x, r, (torch.zeros(1, 1), torch.tensor([[0.5]])))
        >>> c
        tensor([[0.7500]])

    Use: in place of an LSTM, with a quarter fewer weights.

    Source: Greff et al., "LSTM: a search space odyssey", 2017 (arXiv:1503.04069).
    """

    gate_names = ("i", "g", "o")
    state_names = ("h", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {"i": -1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"i": -1}

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        _, c = state
        i, g, o = _gates(x + r)
        c = (1 - i) * c + i * g
        return o * tanh(c), c

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, g and o."""
        return dict(zip(self.gate_names, _gates(x + r), strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - i``, which takes the place of a forget gate."""
        return 1 - gates["i"]

    def step_backward(self, grad: CellState, saved: Saved) -> StepGradients:
        """``dc = dc' + dh' o (1 - tanh² c')``, of which the gate gets ``dc (g - c)`` and the state ``dc (1 - i)``."""
        (dh, dc), (_, c) = grad, saved.state
        i, g, o = _gates(saved.x + saved.r)
        tanh_c = tanh(saved.new[1])
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        di, dg, do = dc * (g - c), dc * i, dh * tanh_c
        da = torch.cat([di * i * (1 - i), dg * (1 - g * g), do * o * (1 - o)], -1)
        return StepGradients(da, da, (torch.zeros_like(dh), dc * (1 - i)))


def _gates(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    i, g, o = a.chunk(3, -1)
    return sigmoid(i), tanh(g), sigmoid(o)
