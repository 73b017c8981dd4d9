"""The simple gated unit, with one product more."""

from __future__ import annotations

from torch import Tensor, sigmoid

from seqkit.cells.base import CellState
from seqkit.cells.gru.sgu import SGU


class DSGU(SGU):
    """The deep simple gated unit: its input multiplies its state before the product, and once more after it.

    With ``a = W_x x + b`` for both gates::

        g = tanh(U_g (a_g ⊙ h))                z = hardsigmoid(a_z + U_z h)
        h' = (1 - z) ⊙ h + z ⊙ σ(U_o (g ⊙ h))

    hardsigmoid(v) is v / 6 + 1 / 2, but at least 0 and at most 1.

    Shapes:
        x (B, 2·H) in the order z, g; r (B, 3·H), with the product of U_o behind; the state is ``h`` (B, H).

    Examples:
        An open gate replaces a state of 0 by a half:

        >>> import torch
        >>> DSGU().step(torch.tensor([[5.0, 1.0]]), torch.zeros(1, 3), (torch.zeros(1, 1),))
        (tensor([[0.5000]]),)

    Use: as the simple gated unit, where it is too shallow; the paper trains on both.

    Source: Gao and Glowacka, "Deep gate recurrent neural network", 2016 (arXiv:1604.02910).
    """

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Three products; the last has no input part."""
        return (("z",), ("g",), ("o",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for g ``a_g ⊙ h``; for the last ``g ⊙ h``."""
        if stage == 2:
            return self.gates(x, r, state)["g"] * state[0]
        return super().operand(stage, x, r, state)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), z = state, self.gates(x, r, state)["z"]
        return ((1 - z) * h + z * sigmoid(r[..., 2 * h.shape[-1] :]),)
