"""A layer with gradients on torch's own parameters, as one node of autograd's graph.

Torch's gates have another order and two biases. Converting them by operators that autograd records would take as long
as a small layer itself. B batch, T time, D directions, H hidden units, S states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels import Reference, Weights
from seqkit.kernels.aten import from_torch_layout, to_torch_layout
from seqkit.kernels.layout import Layer, layer_of, pad_units, stack, unpad_outputs, weights_of
from seqkit.kernels.operators import Options, backward, forward, operator_name
from seqkit.kernels.plan import plan
from seqkit.kernels.reference import gradients_with_graph


def run_layer(
    cell: Cell, x: Tensor, lengths: Tensor | None, states: CellState | None, directions: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, CellState]:
    """x (B, T, I) and states (D, B, H), None for zeros, to outputs (B, T, D·H) and the states after each last step."""
    flat = [tensor for direction in directions for tensor in direction]
    out, *final = _Layer.apply(cell, len(directions), lengths, x, *(states or ()), *flat)  # type: ignore[no-untyped-call]
    return out, tuple(final)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, cell: Cell, count: int, lengths: Tensor | None, x: Tensor, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        states, directions = _parted(cell, count, rest)
        layer, units = layer_of([from_torch_layout(cell, each) for each in directions]), directions[0][1].shape[1]
        hidden, name = layer.weight_h.shape[2], operator_name(cell)
        assert name is not None
        if states:
            state = pad_units(stack([each.transpose(0, 1) for each in states]), units)
        else:
            state = x.new_zeros(len(cell.state_names), len(x), count, hidden)
        options = Options(units, False, *plan(count, len(x), hidden, len(cell.gate_names), training=True))
        out, final, *kept = forward(name, x, lengths, layer, state, options)
        ctx.save_for_backward(lengths, x, *rest, *layer, *kept)
        ctx.cell, ctx.count, ctx.options, ctx.given = cell, count, options, len(rest)
        ctx.set_materialize_grads(False)
        # Copies, since autograd forbids changing views that a function returns, as people do who reset a state.
        last = (each[..., :units].transpose(0, 1).clone(memory_format=torch.contiguous_format) for each in final)
        return out if units == hidden else unpad_outputs(out, count, units).contiguous().clone(), *last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        lengths, x, *saved = ctx.saved_tensors
        rest, layer, kept = saved[: ctx.given], Layer(*saved[ctx.given : -2]), saved[-2:]
        if torch.is_grad_enabled():
            found = _differentiable_gradients(ctx, lengths, (x, *rest), grads)
        else:
            found = _gradients(ctx, lengths, (x, *rest), layer, kept, grads)
        return None, None, None, *found


def _parted(cell: Cell, count: int, rest: Sequence[Tensor]) -> tuple[Sequence[Tensor], list[Sequence[Tensor]]]:
    """The states, if any, and the weights of each direction."""
    # Weights are matrices and vectors; states alone have three dimensions.
    start = len(cell.state_names) if rest[0].dim() == 3 else 0
    each = (len(rest) - start) // count
    return rest[:start], [rest[at : at + each] for at in range(start, len(rest), each)]


def _gradients(
    ctx: Any, lengths: Tensor | None, given: Sequence[Tensor], layer: Layer, kept: Any, grads: Sequence[Tensor | None]
) -> list[Tensor | None]:
    cell, count, options = ctx.cell, ctx.count, ctx.options
    (x, *rest), units, hidden = given, options.units, layer.weight_h.shape[2]
    states, directions = _parted(cell, count, rest)
    grad_out, *grad_last = grads
    if grad_out is None:
        padded_out = x.new_zeros(*x.shape[:2], count * hidden)
    else:
        padded_out = pad_units(grad_out.reshape(*x.shape[:2], count, units), units).reshape(*x.shape[:2], -1)
    zeros = x.new_zeros(len(x), count, hidden)
    final = stack([zeros if grad is None else pad_units(grad.transpose(0, 1), units) for grad in grad_last])
    name, need_x = operator_name(cell), ctx.needs_input_grad[3]
    assert name is not None
    grad_x, *of_layer, grad_state = backward(name, x, lengths, layer, kept, (padded_out, final), options, need_x)
    ours = weights_of(cell, Layer(*of_layer), units)
    weights = [_torch_gradients(cell, w, len(d)) for w, d in zip(ours, directions, strict=True)]
    of_states = [grad_state[n, ..., :units].transpose(0, 1) for n in range(len(states))]
    return [grad_x if need_x else None, *of_states, *(tensor for direction in weights for tensor in direction)]


def _torch_gradients(cell: Cell, grads: Weights, count: int) -> list[Tensor]:
    """The gradients of torch's parameters, ``count`` of them, from those of ours."""
    w_ih, w_hh, b_ih, _ = to_torch_layout(cell, grads)
    # Torch adds its two biases, but where the reset gate is between them.
    b_hh = b_ih.clone()
    if grads.bias_h is not None:
        b_hh[-len(grads.bias_h) :] = grads.bias_h
    return [w_ih, w_hh, b_ih, b_hh][:count]


def _differentiable_gradients(
    ctx: Any, lengths: Tensor | None, given: Sequence[Tensor], grads: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """For a second derivative: the same gradients from the reference loop, so that they have a graph."""
    x, *rest = given
    states, directions = _parted(ctx.cell, ctx.count, rest)
    weights = [from_torch_layout(ctx.cell, each) for each in directions]
    start = tuple(state.transpose(0, 1) for state in states) or None
    out, final = Reference().run(ctx.cell, weights, x, lengths, start)
    outputs = (out, *(state.transpose(0, 1) for state in final))
    return gradients_with_graph(outputs, grads, given)
