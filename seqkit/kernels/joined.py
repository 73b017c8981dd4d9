"""A stack whose weights lie in one piece of memory, in one call of cuDNN for sequences of one length.

torch's own operators look at each weight in every call; here that was done before, and a call sees only that they are
where they were. Calls that come again with the same sizes are started as one CUDA graph, which reads the weights where
they are. B batch, T time, L layers, D directions, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import is_
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.rnn import RNN
from seqkit.kernels.graphs import Function, Graphs

_MOST_NUMBERS = 1 << 25
"""Of gates of a call that is recorded: with more, the GPU takes longer to compute than a CPU to start it"""


class Joined:
    """Weights that were found in one piece of memory.

    Args:
        cell: rnn, lstm or gru.
        layers: L.
        tensors: the parameters, direction by direction: weight_x, weight_h, bias, and a gru's bias_h.
        whole: all that lies in the memory, (N).
        layout: brings it into torch's order and back.
    """

    def __init__(self, cell: Cell, layers: int, tensors: list[Tensor], whole: Tensor, layout: Any) -> None:
        self.cell, self.layers, self.tensors, self.whole, self.layout = cell, layers, tensors, whole, layout
        self.hidden = tensors[1].shape[1]
        self.directions = layout.directions // layers
        self._mode = _mode(cell)
        self._places = _places(tensors)
        self.graphs = Graphs(most=8, share=1 / 32)

    def is_still(self, cell: Cell, tensors: list[Tensor]) -> bool:
        """Whether the parameters are the same ones, and where they were."""
        if cell is not self.cell or _mode(cell) != self._mode or len(tensors) != len(self.tensors):
            return False
        return all(map(is_, tensors, self.tensors)) and _places(tensors) == self._places

    def run(self, x: Tensor, states: tuple[Tensor | None, Tensor | None], bf16: bool) -> tuple[Tensor, CellState]:
        """x (B, T, I) and states (B, L·D, H), None for zeros, to outputs (B, T, D·H) and states."""
        dtype = torch.bfloat16 if bf16 and x.dtype is torch.float32 else x.dtype
        given = (x, *states, *self.tensors)
        if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in given):
            out, *final = _Differentiable.apply(self, dtype, *given)  # type: ignore[no-untyped-call]
        else:
            out, *final, _ = self._call(("forward", dtype, False), x, *states)
        return out, tuple(final if self._mode == 2 else final[:1])

    def _call(self, how: tuple[Any, ...], x: Tensor, *tensors: Tensor | None) -> Sequence[Any]:
        way, *options = how
        function: Function = partial(getattr(self, f"_{way}"), *options)
        with torch.no_grad():
            numbers = x.shape[0] * x.shape[1] * self.directions * len(self.tensors[0])
            if not x.is_cuda or numbers > _MOST_NUMBERS:
                return function(x, *tensors)
            with torch.cuda.device(x.device):
                return self.graphs.call((how, x.shape, x.dtype), function, (x, *tensors))

    def _forward(
        self, dtype: torch.dtype, keeps: bool, x: Tensor, h: Tensor | None, c: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Outputs, both states (B, L·D, H), and what is kept for the way back."""
        buffer = self.layout.buffer(self.whole, dtype)
        call = (x.to(dtype), self.layout.weights(buffer), 4, buffer, *self._states(x, dtype, h, c))
        out, after_h, after_c, reserve, _ = cudnn_rnn(*call, *self._options(keeps))
        second = after_c.to(x.dtype).transpose(0, 1) if self._mode == 2 else None
        return out.to(x.dtype), after_h.to(x.dtype).transpose(0, 1), second, reserve if keeps else None

    def _backward(
        self, dtype: torch.dtype, needs: tuple[bool, ...], x: Tensor, h: Tensor | None, c: Tensor | None, out: Tensor,
        reserve: Tensor, grad_out: Tensor | None, *grad_states: Tensor | None,
    ) -> tuple[Tensor | None, ...]:  # fmt: skip
        """Gradients of x, both states, and all weights as they lie in memory."""
        buffer = self.layout.buffer(self.whole, dtype)
        # torch reads it as it lies in memory, and takes for granted that it lies there step by step.
        out = out.to(dtype).transpose(0, 1).contiguous().transpose(0, 1)
        grad_h, grad_c = (None if g is None else g.to(dtype).transpose(0, 1).contiguous() for g in grad_states)
        call = (x.to(dtype), self.layout.weights(buffer), 4, buffer, *self._states(x, dtype, h, c), out)
        grads = (None if grad_out is None else grad_out.to(dtype), grad_h, grad_c)
        found = cudnn_rnn_backward(*call, *grads, *self._options(True), reserve, [*needs])
        grad_x, *before = (g.to(x.dtype) if need else None for g, need in zip(found[:3], needs, strict=False))
        states = (None if g is None else g.transpose(0, 1) for g in before)
        return grad_x, *states, self.layout.gradient(found[3]).to(x.dtype)

    def _options(self, keeps: bool) -> tuple[Any, ...]:
        two = self.directions == 2
        return self._mode, self.hidden, 0, self.layers, True, 0.0, keeps, two, [], None

    def _states(self, x: Tensor, dtype: torch.dtype, *states: Tensor | None) -> list[Tensor | None]:
        """(L·D, B, H)"""
        shape = self.layers * self.directions, x.shape[0], self.hidden
        return [
            None if number and self._mode != 2
            else x.new_zeros(shape, dtype=dtype) if state is None
            else state.transpose(0, 1).to(dtype).contiguous()
            for number, state in enumerate(states)
        ]  # fmt: skip


def cudnn_rnn(*arguments: Any) -> tuple[Tensor, ...]:
    """torch's operator: output, states, what is kept, weights."""
    results: tuple[Tensor, ...] = torch._cudnn_rnn(*arguments)
    return results


def cudnn_rnn_backward(*arguments: Any) -> tuple[Any, ...]:
    """Gradients of input, states and weights."""
    results: tuple[Any, ...] = torch.ops.aten._cudnn_rnn_backward.default(*arguments)
    return results


class _Differentiable(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, joined: Joined, dtype: torch.dtype, x: Tensor, h: Tensor | None, c: Tensor | None, *tensors: Tensor
    ) -> Any:
        out, after_h, after_c, reserve = joined._call(("forward", dtype, True), x, h, c)
        ctx.set_materialize_grads(False)
        # The weights, too: who changes them before the way back is told so.
        ctx.save_for_backward(x, h, c, out, reserve, *tensors)
        ctx.joined, ctx.dtype = joined, dtype
        return out, after_h, after_c

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        x, h, c, out, reserve, *_ = ctx.saved_tensors
        joined, wanted = ctx.joined, ctx.needs_input_grad[2:5]
        if torch._C._autograd._get_current_graph_task_keep_graph():
            reserve = reserve.clone()  # cuDNN changes it
        needs = (wanted[0], wanted[1], wanted[2], True)
        grad_x, grad_h, grad_c, whole = joined._call(("backward", ctx.dtype, needs), x, h, c, out, reserve, *grads)
        return None, None, grad_x, grad_h, grad_c, *joined.layout.apart(whole)


def _mode(cell: Cell) -> int:
    """cuDNN's number of the cell."""
    if isinstance(cell, RNN):
        return int(cell.nonlinearity == "tanh")
    return {LSTM: 2, GRU: 3}[type(cell)]


def _places(tensors: Sequence[Tensor]) -> list[tuple[Any, ...]]:
    return [(t.data_ptr(), t.shape, t.stride(), t.dtype) for t in tensors]
