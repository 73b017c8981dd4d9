"""The fused kernel: on a GPU, any cell that can be compiled; a matrix product and one kernel for each step.

All directions run together: a step of the loop is one product for all of them, and one Triton kernel made of the cell's
step (``seqkit.compiler.triton``), for every recurrent product that the step has. Cells without one are a single kernel.
B batch, T time, I inputs, H hidden units, D directions, G gates, R gates with a recurrent product, S states, P products
(1 if there is none), n rows of recurrent biases and the cell's own parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import Kernel, LayerCall, Weights
from seqkit.kernels.fused_loop import Loop
from seqkit.kernels.graphs import Function, Graphs
from seqkit.kernels.layout import own_rows, stack
from seqkit.kernels.programs import find_program, has_triton, program_of
from seqkit.kernels.reference import Reference
from seqkit.kernels.unrolled import weights_of_rows
from seqkit.lengths import sequence_mask

_GRAPHS = Graphs(most=64)
_MOST_NUMBERS = 1 << 25
"""Of input parts of a call that is recorded: with more, a step takes the GPU as long as it takes to start it"""


class Fused(Kernel):
    """Runs any cell whose step can be compiled, in float32 or float64, on an NVIDIA GPU.

    Values equal the reference's up to rounding; products are float32 unless torch's own are not, see
    ``torch.backends.cuda.matmul.fp32_precision``. Second derivatives are those of the reference.

    Args:
        bf16: round both sides of each product to bfloat16; sums, gates, states and gradients stay float32.
    """

    def __init__(self, bf16: bool = False) -> None:
        self.bf16 = bf16

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """The cells that can be compiled, where Triton is there."""
        if not x.is_cuda or x.dtype not in (torch.float32, torch.float64) or torch.compiler.is_compiling():
            return False
        return has_triton() and torch.version.hip is None and find_program(cell) is not None

    def run_layer(self, call: LayerCall) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.Kernel`."""
        cell, weights, x, lengths, states, _ = call
        hidden = weights[0].weight_h.shape[1]
        if not x.numel():
            return Reference().run_layer(call)
        if lengths is not None:
            # Whatever stands in the padding must not reach a product, nor its gradient.
            x = x.masked_fill(~sequence_mask(lengths, x.shape[1]).unsqueeze(2), 0.0)
        tensors = (
            x,
            *(stack([getattr(w, name) for w in weights]) for name in ("weight_x", "bias", "weight_h")),
            stack([own_rows(w, hidden) for w in weights]),
            None if states is None else torch.stack(tuple(states)),
        )
        keeps = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
        bf16 = self.bf16 and x.dtype is torch.float32
        batch, steps, _ = x.shape
        options = (lengths is not None, keeps, x.requires_grad, bf16)
        loop = Loop(program_of(cell), batch, steps, hidden, len(weights), *options)
        if keeps:
            out, final = _Differentiable.apply(loop, lengths, *tensors)  # type: ignore[no-untyped-call]
        else:
            out, final, *_ = _run(loop, "forward", x, lengths, *tensors[1:])
        return out, final.unbind(0)


def _run(loop: Loop, way: str, *tensors: Tensor | None) -> Sequence[Any]:
    """A way of the loop, on a GPU as a graph if the same was asked for before."""
    function: Function = getattr(loop, way)
    x = tensors[0]
    assert x is not None
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext(), torch.no_grad():
        if not x.is_cuda or loop.numbers > _MOST_NUMBERS:
            return function(*tensors)
        return _GRAPHS.call((loop, way, x.shape[2], x.dtype, x.device), function, tensors)


class _Differentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loop: Loop, lengths: Tensor | None, x: Tensor, *tensors: Tensor | None) -> Any:
        out, final, *kept = _run(loop, "forward", x, lengths, *tensors)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, lengths, *tensors, *kept)
        ctx.loop = loop
        return out, final

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor | None, grad_final: Tensor | None) -> tuple[Any, ...]:
        loop: Loop = ctx.loop
        x, lengths, *tensors = ctx.saved_tensors
        weights, kept = tensors[:5], tensors[5:]
        grads: Sequence[Tensor | None]
        if torch.is_grad_enabled():
            grads = _differentiable_gradients(loop, lengths, (x, *weights), (grad_out, grad_final))
        else:
            grads = _run(loop, "backward", x, lengths, *weights[:-1], *kept, grad_out, grad_final)
        return None, None, *grads[:5], None if weights[-1] is None else grads[5]


def _differentiable_gradients(
    loop: Loop, lengths: Tensor | None, tensors: Sequence[Any], grads: tuple[Tensor | None, Tensor | None]
) -> list[Tensor | None]:
    """For a second derivative: the same gradients by autograd through ``step``, so that they have a graph."""
    x, weight_x, bias, weight_h, own, states = tensors
    cell = loop.program.cell
    weights = [
        Weights(weight_x[d], weight_h[d], bias[d], *weights_of_rows(cell, own[d], loop.hidden))
        for d in range(loop.directions)
    ]
    before = None if states is None else states.unbind(0)
    out, final = Reference(by_hand=False).run_layer(LayerCall(cell, weights, x, lengths, before, None))
    wanted = [t for t in tensors if t is not None and t.requires_grad]
    given = [(value, grad) for value, grad in zip((out, torch.stack(final)), grads, strict=True) if grad is not None]
    values, gradients = zip(*given, strict=True)
    found = iter(torch.autograd.grad(values, wanted, gradients, create_graph=True, allow_unused=True))
    return [next(found) if t is not None and t.requires_grad else None for t in tensors]
