"""The recurrent network with an update gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class UGRNN(Cell):
    """The update gate RNN: a simple recurrent network with one gate that says how much of the state is kept.

    With ``a = W_x x + W_h h + b`` for each gate::

        g, n = σ(a_g), tanh(a_n)          h' = g ⊙ h + (1 - g) ⊙ n

    The gate's bias, which the paper searches for, starts at 1, so that a new layer remembers.

    Shapes:
        x, r (B, 2·H) in the order g, n; the state is ``h`` (B, H).

    Examples:
        A half-open gate moves half of the way to the candidate, tanh(20) = 1:

        >>> import torch
        >>> UGRNN().step(torch.tensor([[0.0, 20.0]]), torch.zeros(1, 2), (torch.zeros(1, 1),))
        (tensor([[0.5000]]),)

    Use: as the smallest gated cell with one product, in networks of few layers.

    Source: Collins, Sohl-Dickstein and Sussillo, "Capacity and trainability in recurrent neural networks", 2016
    (arXiv:1611.09913), section 2.
    """

    gate_names = ("g", "n")
    initial_bias: ClassVar[Mapping[str, float]] = {"g": 1.0}

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (g, n) = state, self.gates(x, r, state).values()
        return (g * h + (1 - g) * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of g and n."""
        g, n = (x + r).chunk(2, -1)
        return {"g": sigmoid(g), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``g``."""
        return gates["g"]
