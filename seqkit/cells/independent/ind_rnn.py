"""The recurrent network of independent units."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.cells.base import Cell, CellState


class IndRNN(Cell):
    """The independently recurrent network: each unit sees its own state alone, through one weight.

    With ``a = W_x x + b``::

        h' = max(0, a + u ⊙ h)

    Units meet in the layer above. The weights u start evenly spread from 0 to 1, so that units forget at different
    speeds; with a weight above 1 a unit grows without bound.

    Shapes:
        x (B, H); r (B, 0); u (H); the state is ``h`` (B, H).

    Examples:
        A unit of weight 1 adds up its inputs:

        >>> import torch
        >>> state = (torch.zeros(1, 1),)
        >>> for _ in range(3):
        ...     state = IndRNN().step(torch.ones(1, 1), torch.zeros(1, 0), state, u=torch.ones(1))
        >>> state
        (tensor([[3.]]),)

    Use: in deep stacks over very long sequences, two layers at least.

    Source: Li et al., "Independently recurrent neural network", 2018 (arXiv:1803.04831).
    """

    gate_names = ("h",)

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """The recurrent weights ``u`` (H)."""
        return {"u": torch.linspace(0.0, 1.0, hidden_size)}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, u: Tensor) -> CellState:
        """The new ``h``; the equation is the class's."""
        (h,) = state
        return ((x + u * h).relu(),)
