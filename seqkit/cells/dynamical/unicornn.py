"""The recurrent network of undamped oscillators."""

from __future__ import annotations

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class UnICORNN(Cell):
    """Undamped independent controlled oscillators: each unit oscillates, and its input pushes it.

    With ``a = W_x x + b``::

        s = dt σ(c)
        z' = z - s ⊙ (tanh(w ⊙ h + a) + alpha h)          h' = h + s ⊙ z'

    h is where a unit is and z how fast it moves. There are no recurrent weights. c, which the paper draws around 0,
    starts at 0, and w evenly spread from 0 to 1.

    Args:
        dt: the longest time step, above 0.
        alpha: the strength that pulls a unit back to 0, at least 0.

    Shapes:
        x (B, H); r (B, 0); w, c (H); the state is ``h`` and ``z``, (B, H) each.

    Examples:
        A unit that is let go swings through 0 to the other side:

        >>> import torch
        >>> cell, positions = UnICORNN(dt=1.0), []
        >>> own, state = {"w": torch.zeros(1), "c": torch.zeros(1)}, (torch.ones(1, 1), torch.zeros(1, 1))
        >>> for _ in range(6):
        ...     state = cell.step(torch.zeros(1, 1), torch.zeros(1, 0), state, **own)
        ...     positions.append(round(state[0].item(), 2))
        >>> positions
        [0.75, 0.31, -0.2, -0.67, -0.97, -1.02]

    Use: for long signals, in two layers or more; gradients neither vanish nor explode.

    Source: Rusch and Mishra, "UnICORNN", 2021 (arXiv:2103.05487).
    """

    gate_names = ("a",)
    state_names = ("h", "z")

    def __init__(self, dt: float = 0.1, alpha: float = 1.0) -> None:
        self.dt = dt
        self.alpha = alpha

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """``w`` and ``c``, (H) each."""
        return {"w": torch.linspace(0.0, 1.0, hidden_size), "c": torch.zeros(hidden_size)}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, w: Tensor, c: Tensor) -> CellState:
        """The new ``h`` and ``z``; the equations are the class's."""
        (h, z), s = state, self.dt * sigmoid(c)
        z = z - s * (tanh(w * h + x) + self.alpha * h)
        return h + s * z, z
