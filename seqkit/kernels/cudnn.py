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
from seqkit.cells.lstm import LSTM
from seqkit.kernels.aten import torch_operator
from seqkit.kernels.base import Kernel, LayerCall, Weights
from seqkit.kernels.one_piece import OnePiece


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

    @staticmethod
    def knows(cell: Cell) -> bool:
        """Whether cuDNN has the cell."""
        return torch_operator(cell) is not None

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
        memory: OnePiece | None = None,
    ) -> tuple[Tensor, CellState]:
        """Several layers, each read by the next, without dropout between.

        x (B, T, I) or (B, I) and states (B, L·D, H), None for zeros, to outputs (B, T, D·H) or (B, D·H), and states.
        Lengths (B) may be on the CPU, where they are read. ``memory`` is what is kept for the weights between calls.
        """
        if x.dim() == 2:
            out, final = self.run_stack(cell, layers, x.unsqueeze(1), None, states, memory)
            return out.squeeze(1), final
        dtype = torch.bfloat16 if self.bf16 and x.dtype is torch.float32 else x.dtype
        directions = layers[0] if len(layers) == 1 else [weights for layer in layers for weights in layer]
        weights = (memory or OnePiece()).in_torchs_order(cell, directions, dtype)
        stack = _Stack(cell, len(layers), len(layers[0]) == 2, weights)
        return _run_padded(stack, x, states) if lengths is None else _run_packed(stack, x, lengths, states)


class _Stack(NamedTuple):
    cell: Cell
    layers: int
    bidirectional: bool
    weights: list[Tensor]

    def zeros(self, x: Tensor) -> list[Tensor]:
        """States (L·D, B, H) to start from."""
        size = len(self.weights) // 4, x.shape[0], self.weights[1].shape[1]
        return [x.new_zeros(size, dtype=self.weights[0].dtype)] * len(self.cell.state_names)

    def __call__(self, *data: Tensor, states: Sequence[Tensor], first: bool | None = None) -> tuple[Tensor, CellState]:
        """Outputs and states (L·D, B, H), for states of the same shape; ``data`` are inputs, or packed ones with the
        number of sequences in each step. ``first``: whether the batch comes first.
        """
        operator, dtype = torch_operator(self.cell), self.weights[0].dtype
        assert operator is not None
        x, *sizes = data
        hx = states if type(self.cell) is LSTM else states[0]
        options: tuple[Any, ...] = (True, self.layers, 0.0, torch.is_grad_enabled(), self.bidirectional)
        if first is not None:
            options = *options, first
        if dtype is x.dtype:
            out, *final = operator(x, *sizes, hx, self.weights, *options)
            return out, tuple(final)
        hx = [s.to(dtype) for s in states] if type(self.cell) is LSTM else states[0].to(dtype)
        out, *final = operator(x.to(dtype), *sizes, hx, self.weights, *options)
        return out.to(x.dtype), tuple(s.to(x.dtype) for s in final)


def _run_padded(stack: _Stack, x: Tensor, states: Sequence[Tensor] | None) -> tuple[Tensor, CellState]:
    """Sequences of one length."""
    start = stack.zeros(x) if states is None else [s.transpose(0, 1).contiguous() for s in states]
    out, final = stack(x, states=start, first=True)
    return out, tuple(s.transpose(0, 1) for s in final)


class _Packing(NamedTuple):
    """Where the steps of a batch are in packed order, without sequences that have none."""

    rows: Tensor
    """(N) b·T + t of each"""
    order: Tensor
    """The sequences, the longest first"""
    sizes: Tensor
    """(T) how many sequences have that step; on the CPU, as torch wants it"""


def pack_steps(lengths: Tensor, steps: int, device: torch.device) -> _Packing:
    """The packing of sequences with these lengths (B), in a batch of ``steps`` steps on a device."""
    lengths = lengths.cpu()
    order = lengths.argsort(descending=True, stable=True)[: int((lengths > 0).sum())]
    ordered = lengths[order]
    time = torch.arange(int(ordered[0]) if len(ordered) else 0).unsqueeze(1)
    inside = time < ordered
    rows = (order * steps + time)[inside]
    # One copy to the GPU for both.
    rows, order = torch.cat([rows, order]).to(device).split([len(rows), len(order)])
    return _Packing(rows, order, inside.sum(1))


def _run_packed(stack: _Stack, x: Tensor, lengths: Tensor, states: Sequence[Tensor] | None) -> tuple[Tensor, CellState]:
    batch, steps, width = x.shape
    rows, order, sizes = pack_steps(lengths, steps, x.device)
    if states is None:
        states = [s.transpose(0, 1).to(x.dtype) for s in stack.zeros(x)]
    flat = x.new_zeros(batch * steps, (1 + stack.bidirectional) * states[0].shape[2])
    if not len(order):
        return flat.view(batch, steps, -1), tuple(states)
    packed = x.reshape(batch * steps, width).index_select(0, rows)
    start = [s.index_select(0, order).transpose(0, 1).contiguous() for s in states]
    out, final = stack(packed, sizes, states=start)
    held = (s.index_copy(0, order, after.transpose(0, 1)) for s, after in zip(states, final, strict=True))
    return flat.index_copy(0, rows, out).view(batch, steps, -1), tuple(held)
