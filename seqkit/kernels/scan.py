"""The native loop of cells without a recurrent product: one product over all steps, then each hidden unit for itself.

B batch, T time, H hidden units, G gates, S states, n rows of the cell's own parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import LayerCall, Weights
from seqkit.kernels.input_product import input_product
from seqkit.kernels.operators import CELLS, operator, operator_name
from seqkit.lengths import sequence_mask


def run_scan(call: LayerCall) -> tuple[Tensor, CellState]:
    """See :meth:`~seqkit.kernels.base.Kernel.run`."""
    cell, weights, x, lengths, states, _ = call
    if lengths is not None:
        # Whatever is in the padding must not reach the product, nor its gradient.
        x = x.masked_fill(~sequence_mask(lengths, x.shape[1]).unsqueeze(2), 0.0)
    if states is None:
        zeros = x.new_zeros(len(x), len(weights), weights[0].weight_h.shape[1])
        states = (zeros,) * len(cell.state_names)
    outputs, finals = [], []
    for number, given in enumerate(weights):
        state = torch.stack([value[:, number] for value in states])
        out, final = _direction(cell, given, x, lengths, state, bool(number))
        outputs.append(out)
        finals.append(final)
    return torch.cat(outputs, 2) if len(outputs) > 1 else outputs[0], torch.stack(finals, 2).unbind(0)


def _direction(
    cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: Tensor, reverse: bool
) -> tuple[Tensor, Tensor]:
    parts, hidden = input_product(x, weights.weight_x, weights.bias), weights.weight_h.shape[1]
    rows = [value.reshape(-1, hidden) for value in weights.own.values()]
    own = torch.cat(rows) if rows else x.new_zeros(0, hidden)
    keep = torch.is_grad_enabled() and any(t.requires_grad for t in (parts, own, state))
    out, final, _ = operator("scan")(operator_name(cell), parts, lengths, own, state, reverse, keep)
    return out, final


def register() -> None:
    """Tells torch the shapes and the derivative of the operators, once they are loaded."""
    torch.library.register_fake("seqkit::scan", _fake_scan)
    torch.library.register_fake("seqkit::scan_backward", _fake_scan_backward)
    torch.library.register_autograd("seqkit::scan", _backward, setup_context=_save)


def _fake_scan(
    cell: str, x: Tensor, lengths: Tensor | None, own: Tensor, state: Tensor, reverse: bool, keep: bool
) -> tuple[Tensor, ...]:
    (batch, steps, _), (states, _, hidden) = x.shape, state.shape
    kept = x.new_empty(states - 1 if keep else 0, batch, steps, hidden)
    return x.new_empty(batch, steps, hidden), state.new_empty(state.shape), kept


def _fake_scan_backward(
    cell: str, x: Tensor, lengths: Tensor | None, own: Tensor, state: Tensor, *_: Any
) -> tuple[Tensor, ...]:
    return x.new_empty(x.shape), own.new_empty(own.shape), state.new_empty(state.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    cell, x, lengths, own, state, reverse, _ = inputs
    out, _, kept = output
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, lengths, own, state, out, kept)
    ctx.cell, ctx.reverse = cell, reverse


def _backward(ctx: Any, grad_out: Tensor | None, grad_final: Tensor | None, *_: Any) -> tuple[Any, ...]:
    x, lengths, own, state, out, kept = ctx.saved_tensors
    grad_out = torch.zeros_like(out) if grad_out is None else grad_out
    grad_final = torch.zeros_like(state) if grad_final is None else grad_final
    grads: Sequence[Tensor | None]
    if torch.is_grad_enabled():
        grads = _differentiable_gradients(ctx, (x, own, state), lengths, (grad_out, grad_final))
    else:
        call = (ctx.cell, x, lengths, own, state, ctx.reverse, out, kept, grad_out, grad_final)
        grads = operator("scan_backward")(*call)
    grad_x, grad_own, grad_state = grads
    return None, grad_x, None, grad_own, grad_state, None, None


def _differentiable_gradients(
    ctx: Any, tensors: tuple[Tensor, ...], lengths: Tensor | None, grads: tuple[Tensor, Tensor]
) -> list[Tensor | None]:
    """For a second derivative: the same gradients, by autograd through ``step``, so that they have a graph."""
    wanted = [t for t in tensors if t.requires_grad]
    outputs = _unrolled(CELLS[ctx.cell], tensors, lengths, ctx.reverse)
    found = iter(torch.autograd.grad(outputs, wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in tensors]


def _unrolled(cell: Cell, tensors: tuple[Tensor, ...], lengths: Tensor | None, reverse: bool) -> tuple[Tensor, Tensor]:
    """What the operator computes, by the cell's own step."""
    x, own, state = tensors
    named, row = {}, 0
    for name, value in cell.own_parameters(state.shape[2]).items():
        rows = value.numel() // state.shape[2]
        named[name], row = own[row : row + rows].reshape(value.shape), row + rows
    steps, now = x.shape[1], tuple(state)
    inside = x.new_ones(x.shape[:2], dtype=torch.bool) if lengths is None else sequence_mask(lengths, steps)
    outputs = [x.new_zeros(state.shape[1:])] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        real, new = inside[:, t : t + 1], cell.step(x[:, t], x[:, t, :0], now, **named)
        outputs[t] = new[0] * real
        now = tuple(torch.where(real, after, before) for after, before in zip(new, now, strict=True))
    return torch.stack(outputs, 1), torch.stack(now)
