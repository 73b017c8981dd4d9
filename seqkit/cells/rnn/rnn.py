"""The plain recurrent cell."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from seqkit.cells.base import Cell, CellState, Saved, StepGradients
from seqkit.errors import unknown


class RNN(Cell):
    """The simple recurrent network.

    The output is the state::

        h' = tanh(W_x x + W_h h + b)      nonlinearity="tanh"
        h' = max(0, W_x x + W_h h + b)    nonlinearity="relu"

    Args:
        nonlinearity: ``"tanh"``, or ``"relu"``, which does not saturate but may grow without bound.

    Shapes:
        x, r (B, H); the state is ``h`` (B, H).

    Examples:
        >>> import torch
        >>> x, r = torch.tensor([[0.25, -2.0]]), torch.tensor([[0.5, 0.5]])
        >>> h = torch.zeros(1, 2)
        >>> RNN().step(x, r, (h,))
        (tensor([[ 0.6351, -0.9051]]),)
        >>> RNN("relu").step(x, r, (h,))
        (tensor([[0.7500, 0.0000]]),)

    Use: to compare with, and for short memories; vanishing gradients limit it to some ten steps.

    Source: Elman, "Finding structure in time", 1990; relu: Le, Jaitly and Hinton, 2015 (arXiv:1504.00941).
    """

    gate_names = ("h",)

    def __init__(self, nonlinearity: Literal["tanh", "relu"] = "tanh") -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise unknown("nonlinearity", str(nonlinearity), ("tanh", "relu"))
        self.nonlinearity = nonlinearity

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equation is the class's."""
        return (torch.tanh(x + r) if self.nonlinearity == "tanh" else torch.relu(x + r),)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The only gate, h, is the new state."""
        return dict(zip(self.gate_names, self.step(x, r, state), strict=True))

    def step_backward(self, grad: CellState, saved: Saved) -> StepGradients:
        """``da = dh' (1 - h'²)`` for tanh, ``dh'`` where ``h' > 0`` for relu."""
        (dh,), (h,) = grad, saved.new
        da = dh * (1 - h * h) if self.nonlinearity == "tanh" else dh * (h > 0)
        return StepGradients(da, da, (torch.zeros_like(h),))
