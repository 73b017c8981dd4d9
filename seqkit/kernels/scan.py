"""The native loop of cells without a recurrent product: one product over all steps, then each hidden unit for itself.

B batch, T time, H hidden units, G gates, S states, n rows of the cell's own parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import LayerCall, Weights
from seqkit.kernels.input_product import input_product
from seqkit.kernels.layout import own_rows
from seqkit.kernels.operators import CELLS, differentiable, operator, operator_name
from seqkit.kernels.unrolled import Parts, differentiable_gradients, run_directions


def run_scan(call: LayerCall, precision: str) -> tuple[Tensor, CellState]:
    """See :meth:`~seqkit.kernels.base.Kernel.run`; ``precision`` is that of the input product."""
    return run_directions(call, partial(_direction, precision))


def _direction(
    precision: str, cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: Tensor, reverse: bool
) -> tuple[Tensor, Tensor]:
    parts, hidden = input_product(x, weights.weight_x, weights.bias, precision), weights.weight_h.shape[1]
    own = own_rows(weights, hidden)
    keep = torch.is_grad_enabled() and any(t.requires_grad for t in (parts, own, state))
    out, final, _ = _LOOP(operator_name(cell), parts, lengths, own, state, reverse, keep)
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
        parts = Parts(CELLS[ctx.cell], x, lengths, own, state, ctx.reverse)
        grads = differentiable_gradients(parts, (x, own, state), (grad_out, grad_final))
    else:
        call = (ctx.cell, x, lengths, own, state, ctx.reverse, out, kept, grad_out, grad_final)
        grads = operator("scan_backward")(*call)
    grad_x, grad_own, grad_state = grads
    return None, grad_x, None, grad_own, grad_state, None, None


_LOOP = differentiable("scan", _save, _backward)
