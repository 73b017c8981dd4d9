"""The GRU with a constant in place of its update gate."""

from __future__ import annotations

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class GatedMiRU(Cell):
    """The minion gated unit with a reset gate (MiRU1): the state moves a constant part of the way to a GRU's candidate.

    With ``a = W_x x + b`` for the gate and the candidate::

        r = σ(a_r + U_r h)                n = tanh(a_n + U_n (r ⊙ h))
        h' = keep h + (1 - keep) n

    Args:
        keep: the constant, from 0 to below 1.

    Shapes:
        x, r (B, 2·H) in the order r, n; the state is ``h`` (B, H).

    Examples:
        Half of the way to the candidate, whatever the gate:

        >>> import torch
        >>> GatedMiRU().step(torch.tensor([[0.0, 20.0]]), torch.zeros(1, 2), (torch.zeros(1, 1),))
        (tensor([[0.5000]]),)

    Use: for short memories, with two thirds of a GRU's weights.

    Source: the cell `MiRU1` of torchrecurrent 0.2.5, after doi:10.1016/j.neucom.2026.132847, 2026.
    """

    gate_names = ("r", "n")

    def __init__(self, keep: float = 0.5) -> None:
        self.keep = keep

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate's product waits for the gate."""
        return (("r",), ("n",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the candidate ``r ⊙ h``."""
        (h,), hidden = state, state[0].shape[-1]
        return h if stage == 0 else sigmoid(x[..., :hidden] + r[..., :hidden]) * h

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        return (self.keep * state[0] + (1 - self.keep) * self.gates(x, r, state)["n"],)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of r and n."""
        reset, n = (x + r).chunk(2, -1)
        return {"r": sigmoid(reset), "n": tanh(n)}
