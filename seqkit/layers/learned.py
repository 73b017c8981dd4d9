"""Initial states that a recurrent layer learns.

B batch, L layers, D directions, H hidden units.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seqkit.cells import Cell
from seqkit.layers.state import State


class LearnedState(nn.Module):
    """A state for each layer and direction, the same for every sequence; it begins at 0.

    A state that the cell wants to begin at 0 (such as what an sLSTM divides by) is not learned.

    Args:
        cell: what it is the state of.
        rows: L·D.
        hidden_size: H.
    """

    def __init__(self, cell: Cell, rows: int, hidden_size: int) -> None:
        super().__init__()
        self.names = cell.state_names
        for name in self.names:
            zero = torch.zeros(rows, hidden_size)
            self.register_parameter(name, None if name in cell.zero_states else nn.Parameter(zero))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Back to 0."""
        for parameter in self.parameters():
            parameter.zero_()

    def forward(self, batch_size: int) -> State:
        """(B, L·D, H) each, one memory for the whole batch."""
        given = {name: cast("Tensor | None", self._parameters[name]) for name in self.names}
        zero = torch.zeros_like(next(value for value in given.values() if value is not None))
        return State({name: (zero if v is None else v).expand(batch_size, *zero.shape) for name, v in given.items()})
