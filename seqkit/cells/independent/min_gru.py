"""The gated recurrent unit without a recurrent product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, sigmoid

from seqkit.cells.base import Cell, CellState, Saved, StepGradients


class MinGRU(Cell):
    """The minimal GRU: gate and candidate look at the input alone, so that each unit remembers for itself.

    With ``a = W_x x + b`` for the gate and the candidate::

        z = σ(a_z)                h' = (1 - z) ⊙ h + z ⊙ a_n

    There are no recurrent weights. One product serves all time steps, and what remains of a step costs a few operations
    for each unit; a layer sees further back only through the layers below it. The gate's bias starts at -1, so that a
    new layer remembers.

    Shapes:
        x (B, 2·H) in the order z, n; r (B, 0); the state is ``h`` (B, H).

    Examples:
        A half-open gate moves half of the way to the candidate:

        >>> import torch
        >>> MinGRU().step(torch.tensor([[0.0, 3.0]]), torch.zeros(1, 0), (torch.tensor([[1.0]]),))
        (tensor([[2.]]),)

    Use: for long sequences in several layers, where speed counts most.

    Source: Feng et al., "Were RNNs all we needed?", 2024 (arXiv:2410.01201), section 3.1; the candidate without the
    function of its appendix B that keeps it positive, which computing in logarithms would need.
    """

    gate_names = ("z", "n")
    initial_bias: ClassVar[Mapping[str, float]] = {"z": -1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"z": -1}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equation is the class's."""
        (h,), (a_z, n) = state, x.chunk(2, -1)
        z = sigmoid(a_z)
        return ((1 - z) * h + z * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of z and n."""
        a_z, n = x.chunk(2, -1)
        return {"z": sigmoid(a_z), "n": n}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - z``, which takes the place of a forget gate."""
        return 1 - gates["z"]

    def step_backward(self, grad: CellState, saved: Saved) -> StepGradients:
        """``da_n = dh' z``, ``da_z = dh' (n - h) z (1 - z)``."""
        (dh,), (h,), (a_z, n) = grad, saved.state, saved.x.chunk(2, -1)
        z = sigmoid(a_z)
        da = torch.cat([dh * (n - h) * z * (1 - z), dh * z], -1)
        return StepGradients(da, torch.zeros_like(saved.r), (dh * (1 - z),))
