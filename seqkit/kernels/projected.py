"""The weights of torch's LSTM with a projection (``proj_size``) as ours, and back.

H units of torch's memory, P units of h; ours has the memory in pieces of P units. Where P does not divide H, the last
piece is filled with units whose weights are 0: their memory stays 0, and so do the gradients of their weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqkit.cells.lstm.lstm_projected import ProjectedLSTM
from seqkit.kernels.base import Weights


def projected_cell(hidden_size: int, proj_size: int) -> ProjectedLSTM:
    """Our cell for torch's sizes."""
    return ProjectedLSTM(-(-hidden_size // proj_size))


def projected_from_torch(cell: ProjectedLSTM, tensors: Sequence[Tensor]) -> Weights:
    """torch's ``w_ih, w_hh``, its biases if it has them, and ``w_hr`` as our weights; differentiable."""
    w_ih, w_hh, *biases, w_hr = tensors
    units, hidden = w_hr.shape
    more = cell.memory * units - hidden

    def filled(rows: Tensor) -> Tensor:
        """Rows of the four gates (4·H, ·) with those of the units that are 0 behind each gate's."""
        return pad(rows.view(4, hidden, -1), (0, 0, 0, more)).flatten(0, 1) if more else rows

    bias = biases[0] + biases[1] if biases else w_ih.new_zeros(4 * hidden)
    pieces = (pad(w_hr, (0, more)) if more else w_hr).split(units, 1)
    return Weights(filled(w_ih), torch.cat([filled(w_hh), *pieces]), filled(bias.unsqueeze(1)).squeeze(1))


def projected_to_torch(cell: ProjectedLSTM, weights: Weights) -> tuple[Tensor, ...]:
    """Our weights as torch's ``w_ih, w_hh, b_ih, b_hh, w_hr``."""
    units, gates = weights.weight_h.shape[1], len(cell.gate_names)
    w_hh, projection = weights.weight_h.split([gates * units, cell.memory * units])
    w_hr = torch.cat([*projection.split(units)], 1)
    return weights.weight_x, w_hh, weights.bias, torch.zeros_like(weights.bias), w_hr
