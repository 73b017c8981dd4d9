"""The recurrent network of coupled oscillators."""

from __future__ import annotations

from torch import Tensor, tanh

from seqkit.cells.base import Cell, CellState


class CoRNN(Cell):
    """Coupled oscillators: each unit oscillates with damping, and all units push each other.

    With ``a = W_x x + b``::

        z' = z + dt (tanh(a + U h + V z) - gamma h - epsilon z)
        h' = h + dt z'

    h is where a unit is and z how fast it moves.

    Args:
        dt: the time step, above 0.
        gamma: the strength that pulls a unit back to 0, above 0.
        epsilon: the friction, above 0.

    Shapes:
        x (B, H); r (B, 2·H), the product of h and that of z; the state is ``h`` and ``z``, (B, H) each.

    Examples:
        A unit that is let go swings back through 0, slower and slower:

        >>> import torch
        >>> cell, state, positions = CoRNN(dt=0.5), (torch.ones(1, 1), torch.zeros(1, 1)), []
        >>> for _ in range(6):
        ...     state = cell.step(torch.zeros(1, 1), torch.zeros(1, 2), state)
        ...     positions.append(round(state[0].item(), 2))
        >>> positions
        [0.75, 0.44, 0.17, -0.0, -0.09, -0.11]

    Use: for long signals that oscillate; gradients are bounded from both sides.

    Source: Rusch and Mishra, "Coupled oscillatory recurrent neural network (coRNN)", 2021 (arXiv:2010.00951).
    """

    gate_names = ("a",)
    state_names = ("h", "z")

    def __init__(self, dt: float = 0.1, gamma: float = 1.0, epsilon: float = 1.0) -> None:
        self.dt = dt
        self.gamma = gamma
        self.epsilon = epsilon

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """A product of h, and one of z that has no input part."""
        return (("a",), ("v",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``, then ``z``."""
        return state[stage]

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``z``; the equations are the class's."""
        (h, z), (of_h, of_z) = state, r.chunk(2, -1)
        z = z + self.dt * (tanh(x + of_h + of_z) - self.gamma * h - self.epsilon * z)
        return h + self.dt * z, z
