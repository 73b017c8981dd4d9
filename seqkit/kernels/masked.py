"""The reference kernel for training with noise inside the loop: what the recurrent products read is masked.

B batch, H hidden units.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import Weights
from seqkit.kernels.reference import Reference


class Masked(Reference):
    """Runs one call of one layer, by the cell's own ``step`` and autograd.

    Args:
        masks: for each direction what the operand of every recurrent product is multiplied by, (B, H), at every step.
    """

    def __init__(self, masks: Iterable[Tensor]) -> None:
        super().__init__(by_hand=False)
        self._masks = iter(masks)

    def run_direction(
        self, cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: CellState
    ) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.DirectionKernel`."""
        return super().run_direction(_MaskedCell(cell, next(self._masks)), weights, x, lengths, state)


class _MaskedCell(Cell):
    def __init__(self, cell: Cell, mask: Tensor) -> None:
        self.cell, self.mask = cell, mask
        self.gate_names, self.state_names = cell.gate_names, cell.state_names  # type: ignore[misc]

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        return self.cell.stages

    @property
    def recurrent_bias(self) -> tuple[str, ...]:
        return self.cell.recurrent_bias

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        return self.mask * self.cell.operand(stage, x, r, state)

    def step(self, x: Tensor, r: Tensor, state: CellState, **own: Any) -> CellState:
        return self.cell.step(x, r, state, **own)
