"""The cudnn kernel: the standard cells on an NVIDIA GPU, all layers and directions in one call of cuDNN.

cuDNN overlaps the layers and directions of one call, which calls of their own cannot do. It wants its weights in one
piece of memory, and sequences of different lengths packed: step by step, the longest first, without padding.
B batch, T time, L layers, D directions, H hidden units, N steps of all sequences together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.kernels.aten import torch_operator
from seqkit.kernels.base import Kernel, LayerCall, Weights


class Cudnn(Kernel):
    """Runs rnn, lstm and gru (reset after), in float32 or, between inputs and outputs in float32, in bfloat16.

    Values equal the reference's up to rounding; products round their sides to TF32 where torch's own layers do, see
    ``torch.backends.cudnn.rnn.fp32_precision``. It cannot be differentiated twice: cuDNN has no such derivative.
    """

    def __init__(self, bf16: bool = False) -> None:
        self.bf16 = bf16

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """The cells that cuDNN has, on a GPU that has cuDNN."""
        return x.is_cuda and torch_operator(cell) is not None and bool(torch.backends.cudnn.is_acceptable(x))

    def run_layer(self, call: LayerCall) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.Kernel`."""
        return self.run_stack(call.cell, [call.weights], call.x, call.lengths, call.states)

    def run_stack(
        self,
        cell: Cell,
        layers: Sequence[Sequence[Weights]],
        x: Tensor,
        lengths: Tensor | None,
        states: Sequence[Tensor] | None,
    ) -> tuple[Tensor, CellState]:
        """Several layers, each read by the next, without dropout between.

        x (B, T, I) or (B, I) and states (B, L·D, H), None for zeros, to outputs (B, T, D·H) or (B, D·H), and states.
        """
        if x.dim() == 2:
            out, final = self.run_stack(cell, layers, x.unsqueeze(1), None, states)
            return out.squeeze(1), final
        if states is None:
            shape = x.shape[0], sum(map(len, layers)), layers[0][0].weight_h.shape[1]
            states = (x.new_zeros(shape),) * len(cell.state_names)
        stack = _Stack(cell, len(layers), len(layers[0]) == 2, _in_one_piece(cell, layers, self._dtype(x)))
        return _run_padded(stack, x, states) if lengths is None else _run_packed(stack, x, lengths, states)

    def _dtype(self, x: Tensor) -> torch.dtype:
        return torch.bfloat16 if self.bf16 and x.dtype is torch.float32 else x.dtype


class _Stack(NamedTuple):
    cell: Cell
    layers: int
    bidirectional: bool
    weights: list[Tensor]

    def __call__(self, *data: Tensor, states: Sequence[Tensor], first: bool | None = None) -> tuple[Tensor, CellState]:
        """Outputs and states (L·D, B, H), for states of the same shape; ``data`` are inputs, or packed ones with the
        number of sequences in each step. ``first``: whether the batch comes first.
        """
        operator, dtype = torch_operator(self.cell), self.weights[0].dtype
        assert operator is not None
        x, *sizes = data
        initial = [s.to(dtype) for s in states]
        hx = initial if type(self.cell) is LSTM else initial[0]
        options: tuple[Any, ...] = (True, self.layers, 0.0, torch.is_grad_enabled(), self.bidirectional)
        if first is not None:
            options = *options, first
        out, *final = operator(x.to(dtype), *sizes, hx, self.weights, *options)
        return out.to(x.dtype), tuple(s.to(x.dtype) for s in final)


def _run_padded(stack: _Stack, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, CellState]:
    """Sequences of one length."""
    out, final = stack(x, states=[s.transpose(0, 1).contiguous() for s in states], first=True)
    return out, tuple(s.transpose(0, 1) for s in final)


class _Packing(NamedTuple):
    """Where the steps of a batch are in packed order, without sequences that have none."""

    rows: Tensor
    """(N) b·T + t of each"""
    order: Tensor
    """The sequences, the longest first"""
    sizes: Tensor
    """(T) how many sequences have that step; on the CPU, as torch wants it"""


def pack_steps(lengths: Tensor, steps: int) -> _Packing:
    """The packing of sequences with these lengths (B), in a batch of ``steps`` steps."""
    device, lengths = lengths.device, lengths.cpu()
    order = lengths.argsort(descending=True, stable=True)[: int((lengths > 0).sum())]
    ordered = lengths[order]
    time = torch.arange(int(ordered[0]) if len(ordered) else 0).unsqueeze(1)
    inside = time < ordered
    rows = (order * steps + time)[inside]
    # One copy to the GPU for both.
    rows, order = torch.cat([rows, order]).to(device).split([len(rows), len(order)])
    return _Packing(rows, order, inside.sum(1))


def _run_packed(stack: _Stack, x: Tensor, lengths: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, CellState]:
    batch, steps, width = x.shape
    rows, order, sizes = pack_steps(lengths, steps)
    flat = x.new_zeros(batch * steps, (1 + stack.bidirectional) * states[0].shape[2])
    if not len(order):
        return flat.view(batch, steps, -1), tuple(states)
    packed = x.reshape(batch * steps, width).index_select(0, rows)
    start = [s.index_select(0, order).transpose(0, 1).contiguous() for s in states]
    out, final = stack(packed, sizes, states=start)
    held = (s.index_copy(0, order, after.transpose(0, 1)) for s, after in zip(states, final, strict=True))
    return flat.index_copy(0, rows, out).view(batch, steps, -1), tuple(held)


def _in_one_piece(cell: Cell, layers: Sequence[Sequence[Weights]], dtype: torch.dtype) -> list[Tensor]:
    """torch's ``w_ih, w_hh, b_ih, b_hh`` of each direction, as views of one tensor in cuDNN's order: matrices, biases.

    torch copies weights that lie otherwise at every call, one by one, and warns of it.
    """
    directions = [weights for layer in layers for weights in layer]
    hidden = directions[0].weight_h.shape[1]
    none = directions[0].bias.new_zeros((2 if type(cell) is GRU else len(cell.gate_names)) * hidden)
    matrices = [part for w in directions for part in (w.weight_x, w.weight_h)]
    pieces = [piece for matrix in matrices for piece in _torch_rows(cell, matrix)]
    for w in directions:
        pieces += [*_torch_rows(cell, w.bias), none, *([] if w.bias_h is None else [w.bias_h])]
    whole = torch.cat([piece.reshape(-1) for piece in pieces]).to(dtype)
    biases = [len(w.bias) for w in directions for _ in "ih"]
    parts = whole.split([*(matrix.numel() for matrix in matrices), *biases])
    shaped = [part.view(matrix.shape) for part, matrix in zip(parts, matrices, strict=False)]
    found = zip(shaped[::2], shaped[1::2], parts[len(matrices) :: 2], parts[len(matrices) + 1 :: 2], strict=True)
    return [tensor for direction in found for tensor in direction]


def _torch_rows(cell: Cell, rows: Tensor) -> tuple[Tensor, ...]:
    """The rows of a weight or bias in torch's order; its GRU has r before z, and 1 - z for our z: 1 - σ(a) = σ(-a)."""
    if type(cell) is not GRU:
        return (rows,)
    z, r, n = rows.chunk(3)
    return r, -z, n
