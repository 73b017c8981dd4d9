"""Long expressive memory, two states that each move at their own pace."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class LEM(Cell):
    """Long expressive memory: the discrete form of two coupled differential equations with learned time steps.

    With ``a = W_x x + b`` for each gate::

        s, d = dt σ(a_s + U_s h), dt σ(a_d + U_d h)
        z' = (1 - s) ⊙ z + s ⊙ tanh(a_z + U_z h)
        h' = (1 - d) ⊙ h + d ⊙ tanh(a_n + U_n z')

    The gates are time steps: a unit whose s or d is small changes slowly. h is the paper's y.

    Args:
        dt: the longest time step, above 0 and at most 1.

    Shapes:
        x, r (B, 4·H) in the order s, d, z, n; the state is ``h`` and ``z``, (B, H) each.

    Examples:
        With both time steps at half of dt, both states move half of the way to tanh(20) = 1:

        >>> import torch
        >>> x, zero = torch.tensor([[0.0, 0.0, 20.0, 20.0]]), torch.zeros(1, 1)
        >>> LEM().step(x, torch.zeros(1, 4), (zero, zero))
        (tensor([[0.5000]]), tensor([[0.5000]]))

    Use: for long sequences with several time scales, such as sampled signals.

    Source: Rusch et al., "Long expressive memory for sequence modeling", 2022 (arXiv:2110.04744).
    """

    gate_names = ("s", "d", "z", "n")
    state_names = ("h", "z")

    def __init__(self, dt: float = 1.0) -> None:
        self.dt = dt

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The product of the new z has to wait for it."""
        return (("s", "d", "z"), ("n",))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``z``; the equations are the class's."""
        (h, _), (_, d, _, n) = state, (x + r).chunk(4, -1)
        d = self.dt * sigmoid(d)
        return (1 - d) * h + d * tanh(n), self.operand(1, x, r, state)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of the time steps s and d, and of the candidates z and n."""
        s, d, z, n = (x + r).chunk(4, -1)
        return {"s": self.dt * sigmoid(s), "d": self.dt * sigmoid(d), "z": tanh(z), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - d``, of h."""
        return 1 - gates["d"]

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the last product the new ``z``."""
        h, z = state
        if stage == 0:
            return h
        hidden = h.shape[-1]
        s, _, candidate = (x[..., : 3 * hidden] + r[..., : 3 * hidden]).chunk(3, -1)
        s = self.dt * sigmoid(s)
        return (1 - s) * z + s * tanh(candidate)
