"""The native loop of cells whose step is divided into phases: several products, more states, sums over hidden units.

B batch, T time, I inputs, H hidden units, G gates, R gates with a recurrent product, P products (1 if there is none), S
states, n rows of recurrent biases and the cell's own parameters.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import LayerCall, Weights
from seqkit.kernels.input_product import input_product, multiplied
from seqkit.kernels.layout import own_rows
from seqkit.kernels.operators import CELLS, differentiable, operator, operator_name
from seqkit.kernels.plan import plan_of_phases
from seqkit.kernels.unrolled import Parts, differentiable_gradients, run_directions


def run_phased(call: LayerCall, precision: str) -> tuple[Tensor, CellState]:
    """See :meth:`~seqkit.kernels.base.Kernel.run`; ``precision`` is that of all products."""
    return run_directions(call, partial(_direction, precision))


def _direction(
    precision: str, cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: Tensor, reverse: bool
) -> tuple[Tensor, Tensor]:
    weight_h = weights.weight_h
    parts, own = input_product(x, weights.weight_x, weights.bias, precision), own_rows(weights, weight_h.shape[1])
    keep = torch.is_grad_enabled() and any(t.requires_grad for t in (parts, weight_h, own, state))
    slices, team = plan_of_phases(len(x), weight_h.shape[1], sum(map(len, cell.stages)), training=keep)
    call = (operator_name(cell), parts, lengths, weight_h, own, state, reverse, keep, precision, slices, team)
    out, final, _, _ = _LOOP(*call)
    return out, final


def register() -> None:
    """Tells torch the shapes and the derivative of the operators, once they are loaded."""
    torch.library.register_fake("seqkit::phased", _fake_phased)
    torch.library.register_fake("seqkit::phased_backward", _fake_phased_backward)
    torch.library.register_autograd("seqkit::phased", _backward, setup_context=_save)


def _fake_phased(
    cell: str,
    x: Tensor,
    lengths: Tensor | None,
    weight_h: Tensor,
    own: Tensor,
    state: Tensor,
    reverse: bool,
    keep: bool,
    *_: Any,
) -> tuple[Tensor, ...]:
    (batch, steps), hidden = x.shape[:2], state.shape[2]
    products, rows = (operator("products")(cell), batch * steps) if keep else (0, 0)
    return (
        x.new_empty(batch, steps, hidden),
        state.new_empty(state.shape),
        x.new_empty(products, batch, steps, hidden),
        x.new_empty(rows, operator("kept_floats")(cell, hidden)),
    )


def _fake_phased_backward(
    cell: str, x: Tensor, lengths: Tensor | None, weight_h: Tensor, own: Tensor, state: Tensor, *_: Any
) -> tuple[Tensor, ...]:
    grad_r = x.new_empty(*x.shape[:2], len(weight_h))
    return x.new_empty(x.shape), grad_r, own.new_empty(own.shape), state.new_empty(state.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    cell, x, lengths, weight_h, own, state, reverse, _, *options = inputs
    _, _, operands, kept = output
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, lengths, weight_h, own, state, operands, kept)
    ctx.cell, ctx.reverse, ctx.options = cell, reverse, options


def _backward(ctx: Any, grad_out: Tensor | None, grad_final: Tensor | None, *_: Any) -> tuple[Any, ...]:
    x, lengths, weight_h, own, state, operands, kept = ctx.saved_tensors
    grad_out = x.new_zeros(*x.shape[:2], state.shape[2]) if grad_out is None else grad_out
    grad_final = torch.zeros_like(state) if grad_final is None else grad_final
    grads: Sequence[Tensor | None]
    if torch.is_grad_enabled():
        parts = Parts(CELLS[ctx.cell], x, lengths, own, state, ctx.reverse, weight_h)
        grads = differentiable_gradients(parts, (x, weight_h, own, state), (grad_out, grad_final))
    else:
        call = (ctx.cell, x, lengths, weight_h, own, state, ctx.reverse, operands, kept, grad_out, grad_final)
        grad_x, grad_r, *others = operator("phased_backward")(*call, *ctx.options)
        grads = grad_x, _weight_gradient(CELLS[ctx.cell], grad_r, operands, ctx.options[0]), *others
    grad_x, grad_h, grad_own, grad_state = grads
    return None, grad_x, None, grad_h, grad_own, grad_state, None, None, *(None,) * len(ctx.options)


_LOOP = differentiable("phased", _save, _backward)


def _weight_gradient(cell: Cell, grad_r: Tensor, operands: Tensor, precision: str) -> Tensor:
    """Of weight_h (R·H, H), from the gradients of recurrent parts (B, T, R·H) and what was multiplied (P, B, T, H)."""
    hidden = operands.shape[3]
    ends = [hidden * end for end in itertools.accumulate(map(len, cell.stages), initial=0)]
    parts = [grad_r[..., begin:end].reshape(-1, end - begin) for begin, end in itertools.pairwise(ends)]
    if not parts:
        return grad_r.new_zeros(0, hidden)
    # Where the first product multiplies something else than h, there is an operand more: h, before all others.
    pairs = zip(parts, operands[-len(parts) :].flatten(1, 2), strict=True)
    # Without rows there is nothing to round, which our own operator refuses.
    precision = precision if grad_r.numel() else "f32"
    return torch.cat([multiplied(part.T, operand.T, None, precision) for part, operand in pairs])
