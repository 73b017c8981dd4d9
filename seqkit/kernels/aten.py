"""The aten kernel: the standard cells through torch's own fused operators, and the conversion of weights both ways.

B batch, T time, H hidden units. torch keeps two biases for each gate and, in the GRU, the opposite update gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import _VF, Tensor

from seqkit.cells import Cell, CellState
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.rnn import RNN
from seqkit.kernels.base import DirectionKernel, Weights
from seqkit.lengths import sequence_mask

# Large enough that a float32 sigmoid is exactly 1 on its one side and vanishes on the other.
_SHUT = 1e4
_DEVICES = ("cpu", "cuda", "meta")


class Aten(DirectionKernel):
    """Runs rnn, lstm and gru (reset after) through ``torch._VF``: oneDNN or native loops on a CPU, cuDNN on a GPU."""

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """The cells that torch has, and no class derived from them, where torch's operators are known to be right."""
        return torch_operator(cell) is not None and x.device.type in _DEVICES

    def run_direction(
        self, cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: CellState
    ) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.DirectionKernel`."""
        w_ih, w_hh, b_ih, b_hh = to_torch_layout(cell, weights)
        if lengths is not None and isinstance(cell, LSTM):
            x, w_ih = _hold_cell_state(x, w_ih, sequence_mask(lengths, x.shape[1]))
        initial = [s.unsqueeze(0).contiguous() for s in state]
        operator = torch_operator(cell)
        assert operator is not None
        hx = initial if isinstance(cell, LSTM) else initial[0]
        keep = torch.is_grad_enabled()
        out, *last = operator(x, hx, [w_ih, w_hh, b_ih, b_hh], True, 1, 0.0, keep, False, True)
        final: CellState = tuple(s.squeeze(0) for s in last)
        if lengths is not None:
            out, final = _cut(out, final, state, lengths)
        return out, final


def torch_operator(cell: Cell) -> Callable[..., tuple[Tensor, ...]] | None:
    """The fused operator of torch that computes this cell, if there is one."""
    if type(cell) is LSTM:
        return _VF.lstm
    if type(cell) is GRU and cell.reset == "after":
        return _VF.gru
    if type(cell) is RNN:
        return _VF.rnn_tanh if cell.nonlinearity == "tanh" else _VF.rnn_relu
    return None


def to_torch_layout(cell: Cell, weights: Weights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Our weights as torch's ``w_ih, w_hh, b_ih, b_hh``; differentiable."""
    if not isinstance(cell, GRU):
        return weights.weight_x, weights.weight_h, weights.bias, torch.zeros_like(weights.bias)
    assert weights.bias_h is not None
    hidden = weights.weight_h.shape[1]
    b_hh = torch.cat([weights.bias_h.new_zeros(2 * hidden), weights.bias_h])
    return _gru_to_torch(weights.weight_x), _gru_to_torch(weights.weight_h), _gru_to_torch(weights.bias), b_hh


def from_torch_layout(cell: Cell, tensors: Sequence[Tensor]) -> Weights:
    """torch's ``w_ih, w_hh`` and, if it has them, ``b_ih, b_hh`` as our weights."""
    w_ih, w_hh = tensors[:2]
    b_ih, b_hh = tensors[2:] if len(tensors) == 4 else 2 * (w_ih.new_zeros(len(w_ih)),)
    if not isinstance(cell, GRU):
        return Weights(w_ih, w_hh, b_ih + b_hh)
    inside = 2 * w_hh.shape[1]
    bias = torch.cat([b_ih[:inside] + b_hh[:inside], b_ih[inside:]])
    return Weights(_gru_from_torch(w_ih), _gru_from_torch(w_hh), _gru_from_torch(bias), b_hh[inside:])


def _gru_to_torch(w: Tensor) -> Tensor:
    """Rows of z, r, n as torch's r, z, n; torch's z is 1 - z, and 1 - σ(a) = σ(-a)."""
    z, r, n = w.chunk(3)
    return torch.cat([r, -z, n])


def _gru_from_torch(w: Tensor) -> Tensor:
    r, z, n = w.chunk(3)
    return torch.cat([-z, r, n])


def _hold_cell_state(x: Tensor, w_ih: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """One more input, 1 on padding, that shuts the input gate and opens the forget gate: c stays as it was.

    So ragged batches stay on the fast padded operator; torch's packed one is more than twice as slow in training.
    """
    hidden = len(w_ih) // 4
    column = w_ih.new_zeros(len(w_ih), 1)
    column[:hidden], column[hidden : 2 * hidden] = -_SHUT, _SHUT
    flag = (~inside).unsqueeze(2).to(x.dtype)
    return torch.cat([x, flag], 2), torch.cat([w_ih, column], 1)


def _cut(out: Tensor, final: CellState, initial: CellState, lengths: Tensor) -> tuple[Tensor, CellState]:
    """Output 0 on padding, and the state of each sequence's own last step."""
    last = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, out.shape[2])
    empty = (lengths == 0).unsqueeze(1)
    reached = (out.gather(1, last).squeeze(1), *final[1:])
    held = tuple(torch.where(empty, before, after) for before, after in zip(initial, reached, strict=True))
    return out.masked_fill(~sequence_mask(lengths, out.shape[1]).unsqueeze(2), 0.0), held
