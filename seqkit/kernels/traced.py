"""The kernel that torch.export records: the time loop as one operator, so that any number of steps fits.

B batch, T time, H hidden units, G gates.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import Weights
from seqkit.kernels.reference import Reference, full_recurrent_bias, recurrent_part
from seqkit.lengths import sequence_mask


class Traced(Reference):
    """Runs any cell by its own ``step`` inside ``torch.scan``: what is recorded is the step, not so many steps."""

    def run_direction(
        self, cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: CellState
    ) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.DirectionKernel`."""
        from torch._higher_order_ops.scan import scan

        parts = linear(x, weights.weight_x, weights.bias).transpose(0, 1)
        bias = full_recurrent_bias(cell, weights)
        inside = x.new_ones(x.shape[:2], dtype=torch.bool) if lengths is None else sequence_mask(lengths, x.shape[1])

        def step(before: list[Tensor], now: tuple[Tensor, Tensor]) -> tuple[list[Tensor], Any]:
            part, real = now[0], now[1].unsqueeze(1)
            r = recurrent_part(cell, part, weights.weight_h, bias, tuple(before))
            after = cell.step(part, r, tuple(before), **weights.own)
            held = [torch.where(real, new, old) for new, old in zip(after, before, strict=True)]
            return held, after[0] * real

        final, outputs = scan(step, [value.contiguous() for value in state], (parts, inside.transpose(0, 1)), dim=0)
        return outputs.transpose(0, 1), tuple(final)
