"""The reference kernel: a Python loop over ``cell.step``. Every cell, device and dtype; differentiable twice.

One input product serves all time steps, and the gradient of the recurrent weights is one product at the end.
B batch, T time, H hidden units, G gates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.cells import Cell, CellState, Saved
from seqkit.kernels.base import DirectionKernel, Weights, stands_for_several
from seqkit.lengths import sequence_mask


class _Loop(NamedTuple):
    """All that the time loop reads: ``x`` (B, T, G·H) are the input parts, ``bias`` (G·H) the recurrent ones'."""

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    state: CellState
    own: Mapping[str, Tensor]
    mask: Tensor | None


class Reference(DirectionKernel):
    """Runs any cell by its own ``step``.

    Args:
        by_hand: go back through the cell's own ``step_backward`` where it has one, which transforms cannot see through.
    """

    def __init__(self, by_hand: bool = True) -> None:
        self.by_hand = by_hand

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """Every cell."""
        return True

    def run_direction(
        self, cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: CellState
    ) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.DirectionKernel`."""
        loop = _Loop(
            linear(x, weights.weight_x, weights.bias),
            weights.weight_h,
            full_recurrent_bias(cell, weights),
            state,
            weights.own,
            None if lengths is None else sequence_mask(lengths, x.shape[1]),
        )
        by_hand = self.by_hand and cell.has_backward and torch.is_grad_enabled()
        # A compiler derives gradients itself, of a loop that it unrolls, and cannot trace which of ours it may take.
        by_hand = by_hand and not torch.compiler.is_compiling()
        return _ByHand.run(cell, loop) if by_hand else _unroll(cell, loop)

    def step(self, cell: Cell, weights: Weights, x: Tensor, state: CellState) -> CellState:
        """One step: x (B, I) and state (B, H) to the next state."""
        part = linear(x, weights.weight_x, weights.bias)
        r = recurrent_part(cell, part, weights.weight_h, full_recurrent_bias(cell, weights), state)
        return cell.step(part, r, state, **weights.own)


def full_recurrent_bias(cell: Cell, weights: Weights) -> Tensor | None:
    """(rows of weight_h): the recurrent bias at the gates that have one, 0 at the others; None if no gate has one."""
    if weights.bias_h is None:
        return None
    hidden = weights.weight_h.shape[1]
    given = dict(zip(cell.recurrent_bias, weights.bias_h.split(hidden), strict=True))
    zero = weights.bias_h.new_zeros(hidden)
    return torch.cat([given.get(gate, zero) for gate in cell.gate_names[: cell.recurrent_gates]])


def _stage_rows(cell: Cell, hidden: int) -> list[slice]:
    """The rows of the recurrent weights that each stage's product uses."""
    rows, start = [], 0
    for gates in cell.stages:
        rows.append(slice(start, start + hidden * len(gates)))
        start = rows[-1].stop
    return rows


def recurrent_part(cell: Cell, x: Tensor, weight: Tensor, bias: Tensor | None, state: CellState) -> Tensor:
    """What the recurrent products give a step, (B, G·H), from its input part and the state before it."""
    r = x[..., :0]
    for stage, rows in enumerate(_stage_rows(cell, weight.shape[1])):
        operand = cell.operand(stage, x, r, state)
        part = linear(operand, weight[rows], None if bias is None else bias[rows])
        r = part if stage == 0 else torch.cat([r, part], -1)
    return r


def _unroll(cell: Cell, loop: _Loop, tape: list[tuple[Tensor, CellState]] | None = None) -> tuple[Tensor, CellState]:
    """The loop itself; a tape is given the recurrent part and the new state of each step."""
    state, outputs = loop.state, []
    for t, x in enumerate(loop.x.unbind(1)):
        r = recurrent_part(cell, x, loop.weight, loop.bias, state)
        new = cell.step(x, r, state, **loop.own)
        if loop.mask is None:
            outputs.append(new[0])
        else:
            inside = loop.mask[:, t : t + 1]
            outputs.append(torch.where(inside, new[0], 0.0))
            new = tuple(torch.where(inside, after, before) for after, before in zip(new, state, strict=True))
        state = new
        if tape is not None:
            tape.append((r, state))
    return torch.stack(outputs, 1), state


class _ByHand(torch.autograd.Function):
    """The loop with the cell's own ``step_backward``."""

    @classmethod
    def run(cls, cell: Cell, loop: _Loop) -> tuple[Tensor, CellState]:
        out, *final = cls.apply(  # type: ignore[no-untyped-call]
            cell, loop.mask, tuple(loop.own), loop.x, loop.weight, loop.bias, *loop.state, *loop.own.values()
        )
        return out, tuple(final)

    @staticmethod
    def forward(
        ctx: Any, cell: Cell, mask: Tensor | None, names: tuple[str, ...], *tensors: Tensor | None
    ) -> tuple[Tensor, ...]:
        ctx.cell, ctx.mask, ctx.names = cell, mask, names
        tape: list[tuple[Tensor, CellState]] = []
        loop = _loop_of(ctx, tensors)
        out, final = _unroll(cell, loop, tape)
        parts = torch.stack([r for r, _ in tape])
        states = [torch.stack(s) for s in zip(loop.state, *(state for _, state in tape), strict=True)]
        ctx.save_for_backward(parts, *states, *tensors)
        return out, *(s.clone() for s in final)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor, *grad_final: Tensor) -> tuple[Tensor | None, ...]:
        kept = 1 + len(ctx.cell.state_names)
        (parts, *states), tensors = ctx.saved_tensors[:kept], ctx.saved_tensors[kept:]
        # Gradients of several outputs at once cannot be written in place, as those by hand are.
        if torch.is_grad_enabled() or any(map(stands_for_several, (grad_out, *grad_final))):
            grads = _differentiable_gradients(ctx, tensors, (grad_out, *grad_final))
        else:
            grads = _gradients(ctx.cell, _loop_of(ctx, tensors), parts, states, grad_out, grad_final)
        return None, None, None, *grads


def _loop_of(ctx: Any, tensors: tuple[Tensor | None, ...]) -> _Loop:
    x, weight, bias, *rest = tensors
    split = len(ctx.cell.state_names)
    assert x is not None and weight is not None
    given = [t for t in rest if t is not None]
    return _Loop(x, weight, bias, tuple(given[:split]), dict(zip(ctx.names, given[split:], strict=True)), ctx.mask)


def _differentiable_gradients(
    ctx: Any, tensors: tuple[Tensor | None, ...], grads: tuple[Tensor, ...]
) -> list[Tensor | None]:
    """For a second derivative: the same gradients, by autograd through ``step``, so that they have a graph."""
    with torch.enable_grad():
        out, final = _unroll(ctx.cell, _loop_of(ctx, tensors))
        return gradients_with_graph((out, *final), grads, tensors)


def gradients_with_graph(
    outputs: Sequence[Tensor], grads: Sequence[Tensor | None], tensors: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The gradients of tensors, None for one that needs none, from those of outputs, with a graph for a second one."""
    used = [(output, grad) for output, grad in zip(outputs, grads, strict=True) if grad is not None]
    wanted = [t for t in tensors if t is not None and t.requires_grad]
    heads, of_heads = zip(*used, strict=True)
    found = iter(torch.autograd.grad(heads, wanted, of_heads, create_graph=True, allow_unused=True))
    return [next(found) if t is not None and t.requires_grad else None for t in tensors]


def _gradients(
    cell: Cell, loop: _Loop, parts: Tensor, states: list[Tensor], grad_out: Tensor, grad_final: tuple[Tensor, ...]
) -> list[Tensor | None]:
    """Back through time; ``parts`` (T, B, G·H) and ``states`` (T + 1, B, H) are what the forward loop kept."""
    grad_x, grad_r = torch.zeros_like(loop.x), torch.zeros_like(parts)
    grad_own = {name: torch.zeros_like(value) for name, value in loop.own.items()}
    grad_state = grad_final
    for t in range(len(parts) - 1, -1, -1):
        inside = None if loop.mask is None else loop.mask[:, t : t + 1]
        grad_new = (grad_state[0] + grad_out[:, t], *grad_state[1:])
        if inside is not None:
            grad_new = tuple(g * inside for g in grad_new)
            held = tuple(g * ~inside for g in grad_state)
        saved = Saved(loop.x[:, t], parts[t], tuple(s[t] for s in states), tuple(s[t + 1] for s in states))
        grad_x[:, t], grad_r[t], grad_state = _step_gradients(cell, loop, saved, grad_new, grad_own)
        if inside is not None:
            grad_state = tuple(g + h for g, h in zip(grad_state, held, strict=True))
    grad_weight = _weight_gradient(cell, loop, parts, states, grad_r)
    grad_bias = None if loop.bias is None else grad_r.sum((0, 1))
    return [grad_x, grad_weight, grad_bias, *grad_state, *grad_own.values()]


def _step_gradients(
    cell: Cell, loop: _Loop, saved: Saved, grad_new: CellState, grad_own: dict[str, Tensor]
) -> tuple[Tensor, Tensor, CellState]:
    """One step back: through ``step``, then through the recurrent products from the last stage to the first."""
    dx, dr, (dh, *others), own = cell.step_backward(grad_new, saved, **loop.own)
    for name, value in own.items():
        grad_own[name] += value
    rows = _stage_rows(cell, loop.weight.shape[1])
    for stage in range(len(rows) - 1, 0, -1):
        grad_operand = dr[..., rows[stage]] @ loop.weight[rows[stage]]
        more = cell.operand_backward(stage, grad_operand, saved)
        dx, dr, dh = dx + more.x, dr + more.r, dh + more.state[0]
        others = [a + b for a, b in zip(others, more.state[1:], strict=True)]
    if rows:
        dh = dh + dr[..., rows[0]] @ loop.weight[rows[0]]
    return dx, dr, (dh, *others)


def _weight_gradient(cell: Cell, loop: _Loop, parts: Tensor, states: list[Tensor], grad_r: Tensor) -> Tensor:
    """One product for each stage over all time steps at once."""
    x = loop.x.transpose(0, 1)
    before = tuple(s[:-1] for s in states)
    grads = []
    for stage, rows in enumerate(_stage_rows(cell, loop.weight.shape[1])):
        operand = cell.operand(stage, x, parts, before)
        grads.append(grad_r[..., rows].flatten(0, 1).T @ operand.flatten(0, 1))
    return torch.cat(grads) if grads else torch.zeros_like(loop.weight)
