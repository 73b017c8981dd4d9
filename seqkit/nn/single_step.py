"""One step with gradients on torch's own parameters, as one node of autograd's graph.

Its products are torch's own, on the weights as they lie: to pack them for a single step would take longer than what it
saves. Torch has some twenty operators between them, each way; here they are one pass. B batch, I inputs, H hidden
units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell
from seqkit.kernels import Reference
from seqkit.kernels.aten import from_torch_layout
from seqkit.kernels.operators import operator, operator_name
from seqkit.kernels.reference import gradients_with_graph


def run_step(cell: Cell, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """x (B, I), states (B, H) each, none for zeros, and a direction's weights as torch has them, to the next states."""
    if not states:
        states = [x.new_zeros(len(x), weights[1].shape[1]) for _ in cell.state_names]
    h, c = (*states, None)[:2]
    final: tuple[Tensor, ...] = _Step.apply(cell, x, h, c, *(*weights, None, None)[:4])  # type: ignore[no-untyped-call]
    return final[: len(cell.state_names)]


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cell: Cell, *given: Tensor | None) -> tuple[Tensor, ...]:
        name = operator_name(cell)
        h, c, kept = operator("single_step")._op(name, *given)
        ctx.save_for_backward(*given, kept)
        ctx.cell, ctx.name = cell, name
        ctx.set_materialize_grads(False)
        return (h, c) if given[2] is not None else (h,)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        *given, kept = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *_differentiable_gradients(ctx.cell, given, grads)
        _, need_x, need_h, _, *need_weights = ctx.needs_input_grad
        needs = (need_x, need_h, any(need_weights))
        found = operator("single_step_backward")._op(ctx.name, *given, kept, *(*grads, None)[:2], *needs)
        pairs = zip(found, ctx.needs_input_grad[1:], strict=True)
        return None, *(grad if needed else None for grad, needed in pairs)


def _differentiable_gradients(
    cell: Cell, given: Sequence[Tensor | None], grads: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """For a second derivative: the same gradients from the reference loop, so that they have a graph."""
    there = [tensor for tensor in given if tensor is not None]
    x, states = there[0], there[1 : 1 + len(cell.state_names)]
    weights = from_torch_layout(cell, there[1 + len(states) :])
    _, final = Reference().run(cell, [weights], x.unsqueeze(1), None, tuple(state.unsqueeze(1) for state in states))
    found = iter(gradients_with_graph(tuple(state.squeeze(1) for state in final), grads, there))
    return [None if tensor is None else next(found) for tensor in given]
