"""The simple gated unit."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, tanh
from torch.nn.functional import softplus

from seqkit.cells.base import Cell, CellState


class SGU(Cell):
    """The simple gated unit: its input multiplies its state before the product, and once more after it.

    With ``a = W_x x + b`` for both gates::

        g = tanh(U_g (a_g ⊙ h))                z = hardsigmoid(a_z + U_z h)
        h' = (1 - z) ⊙ h + z ⊙ log(1 + exp(g ⊙ h))

    hardsigmoid(v) is v / 6 + 1 / 2, but at least 0 and at most 1.

    Shapes:
        x (B, 2·H) in the order z, g; r (B, 2·H); the state is ``h`` (B, H).

    Examples:
        An open gate replaces a state of 0 by log 2:

        >>> import torch
        >>> SGU().step(torch.tensor([[5.0, 1.0]]), torch.zeros(1, 2), (torch.zeros(1, 1),))
        (tensor([[0.6931]]),)

    Use: for classes of short texts and signals, with fewer weights than a GRU; the paper trains on both.

    Source: Gao and Glowacka, "Deep gate recurrent neural network", 2016 (arXiv:1604.02910).
    """

    gate_names = ("z", "g")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The product of g, whose input part multiplies the state before it, is one of its own."""
        return (("z",), ("g",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for g ``a_g ⊙ h``."""
        (h,), hidden = state, state[0].shape[-1]
        if stage == 0:
            return h
        return x[..., hidden:] * h

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (z, g) = state, self.gates(x, r, state).values()
        return ((1 - z) * h + z * softplus(g * h),)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of z and g."""
        hidden = state[0].shape[-1]
        z = x[..., :hidden] + r[..., :hidden]
        # torch's own hardsigmoid has no second derivative.
        return {"z": (z / 6 + 0.5).clamp(0, 1), "g": tanh(r[..., hidden : 2 * hidden])}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - z``."""
        return 1 - gates["z"]
