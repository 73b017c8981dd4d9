"""The GRU that also sees its state of some steps ago."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState
from seqkit.errors import UsageError

_DELAY = 5


def _names(delay: int) -> tuple[str, ...]:
    return ("h", *(f"d{number}" for number in range(1, delay + 1)))


class TauGRU(Cell):
    """The delayed GRU: a second candidate looks at the state of some steps ago, and a gate says how much it counts.

    With ``a = W_x x + b`` for each gate, and d the state ``delay`` steps before h::

        u, z = tanh(a_u + U_u h), tanh(a_z + U_z d)
        g, w = σ(a_g + U_g h), σ(a_w + U_w h)
        h' = (1 - g) ⊙ h + g ⊙ (u + w ⊙ z)

    Args:
        delay: the number of steps, 1 at least; the state has as many tensors more.

    Shapes:
        x, r (B, 4·H) in the order u, g, w, z; the state is ``h`` and ``d1`` to ``d5``, the states one to five steps
        before it, (B, H) each.

    Examples:
        The states before it move on by one in each step:

        >>> import torch
        >>> state = tuple(torch.full((1, 1), float(n)) for n in range(3))
        >>> [round(each.item(), 2) for each in TauGRU(delay=2).step(torch.zeros(1, 4), torch.zeros(1, 4), state)]
        [0.0, 0.0, 1.0]

    Use: for signals with a known period or delay, and for long dependencies of one lag.

    Source: Erichson, Lim and Mahoney, "Gated recurrent neural networks with weighted time-delay feedback", 2022
    (arXiv:2212.00228).
    """

    gate_names = ("u", "g", "w", "z")
    state_names = _names(_DELAY)

    def __init__(self, delay: int = _DELAY) -> None:
        if delay < 1:
            raise UsageError(f"delay must be 1 or more, not {delay}")
        self.delay = delay
        self.state_names = _names(delay)  # type: ignore[misc]

    @property
    def options(self) -> dict[str, Any]:
        """``delay``."""
        return {"delay": self.delay}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """A product of h, and one of the delayed state."""
        return (("u", "g", "w"), ("z",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``, then the oldest state."""
        return state[0] if stage == 0 else state[-1]

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``, and the states before it; the equations are the class's."""
        h, (u, g, w, z) = state[0], self.gates(x, r, state).values()
        return ((1 - g) * h + g * (u + w * z), *state[:-1])

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of u, g, w and z."""
        u, g, w, z = (x + r).chunk(4, -1)
        return {"u": tanh(u), "g": sigmoid(g), "w": sigmoid(w), "z": tanh(z)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - g``."""
        return 1 - gates["g"]
