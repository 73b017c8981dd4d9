"""The GRU with constants in place of both gates."""

from __future__ import annotations

from torch import Tensor, tanh

from seqkit.cells.base import Cell, CellState


class MiRU(Cell):
    """The minion gated unit (MiRU2): a simple network that sees a constant part of its state, and keeps another.

    With ``a = W_x x + b``::

        h' = keep h + (1 - keep) tanh(a + see U h)

    Args:
        keep: the part of the state that stays, from 0 to below 1.
        see: the part of the state that the candidate sees.

    Shapes:
        x, r (B, H); the state is ``h`` (B, H).

    Examples:
        Half of the way to the candidate:

        >>> import torch
        >>> MiRU().step(torch.tensor([[20.0]]), torch.zeros(1, 1), (torch.zeros(1, 1),))
        (tensor([[0.5000]]),)

    Use: in place of a simple recurrent network, with as many weights, for memories of a few more steps.

    Source: the cell `MiRU2` of torchrecurrent 0.2.5, after doi:10.1016/j.neucom.2026.132847, 2026.
    """

    gate_names = ("n",)

    def __init__(self, keep: float = 0.5, see: float = 0.5) -> None:
        self.keep = keep
        self.see = see

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equation is the class's."""
        return (self.keep * state[0] + (1 - self.keep) * tanh(x + self.see * r),)
