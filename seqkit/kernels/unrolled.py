"""What loops over input parts share: their directions, and the same steps one by one where autograd has to see them.

B batch, T time, I inputs, H hidden units, G gates, R gates with a recurrent product, S states, D directions, n rows of
recurrent biases and the cell's own parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import LayerCall, Weights
from seqkit.kernels.reference import full_recurrent_bias, recurrent_part
from seqkit.lengths import sequence_mask

Direction = Callable[[Cell, Weights, Tensor, Tensor | None, Tensor, bool], tuple[Tensor, Tensor]]
"""Cell, weights, x (B, T, I), lengths, state (S, B, H), and whether it reads each sequence from its end, to the outputs
(B, T, H) and the state after the last step"""


def run_directions(call: LayerCall, direction: Direction) -> tuple[Tensor, CellState]:
    """See :meth:`~seqkit.kernels.base.Kernel.run`."""
    cell, weights, x, lengths, states, _ = call
    if lengths is not None:
        # Whatever stands in the padding must not reach the product, nor its gradient.
        x = x.masked_fill(~sequence_mask(lengths, x.shape[1]).unsqueeze(2), 0.0)
    if states is None:
        zeros = x.new_zeros(len(x), len(weights), weights[0].weight_h.shape[1])
        states = (zeros,) * len(cell.state_names)
    outputs, finals = [], []
    for number, given in enumerate(weights):
        state = torch.stack([value[:, number] for value in states])
        out, final = direction(cell, given, x, lengths, state, bool(number))
        outputs.append(out)
        finals.append(final)
    return torch.cat(outputs, 2) if len(outputs) > 1 else outputs[0], torch.stack(finals, 2).unbind(0)


class Parts(NamedTuple):
    """One direction of a layer whose product with the inputs is made."""

    cell: Cell
    x: Tensor
    """(B, T, G·H), with the bias"""
    lengths: Tensor | None
    own: Tensor
    """(n, H)"""
    state: Tensor
    """(S, B, H)"""
    reverse: bool
    weight_h: Tensor | None = None
    """(R·H, H); None for a cell without a recurrent product"""


def differentiable_gradients(
    parts: Parts, tensors: Sequence[Tensor], grads: tuple[Tensor, Tensor]
) -> list[Tensor | None]:
    """For a second derivative: gradients of parts by autograd through ``step``, so that they have a graph."""
    wanted = [t for t in tensors if t.requires_grad]
    found = iter(torch.autograd.grad(_unrolled(parts), wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in tensors]


def _unrolled(parts: Parts) -> tuple[Tensor, Tensor]:
    """The outputs and the final state, by the cell's own step."""
    cell, x, lengths, _, state, reverse, _ = parts
    weights = _weights(parts)
    bias, steps, now = full_recurrent_bias(cell, weights), x.shape[1], tuple(state)
    inside = x.new_ones(x.shape[:2], dtype=torch.bool) if lengths is None else sequence_mask(lengths, steps)
    outputs = [x.new_zeros(state.shape[1:])] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        r = recurrent_part(cell, x[:, t], weights.weight_h, bias, now)
        real, new = inside[:, t : t + 1], cell.step(x[:, t], r, now, **weights.own)
        outputs[t] = new[0] * real
        now = tuple(torch.where(real, after, before) for after, before in zip(new, now, strict=True))
    return torch.stack(outputs, 1), torch.stack(now)


def _weights(parts: Parts) -> Weights:
    hidden = parts.state.shape[2]
    none = parts.x.new_empty(0, hidden)
    bias_h, own = weights_of_rows(parts.cell, parts.own, hidden)
    return Weights(none, none if parts.weight_h is None else parts.weight_h, none, bias_h, own)


def weights_of_rows(cell: Cell, rows: Tensor, hidden: int) -> tuple[Tensor | None, dict[str, Tensor]]:
    """The recurrent bias and the cell's own parameters, of rows (n, H) as ``own_rows`` gives them; differentiable."""
    row, own = len(cell.recurrent_bias), {}
    bias_h = rows[:row].flatten() if row else None
    for name, value in cell.own_parameters(hidden).items():
        count = value.numel() // hidden
        own[name], row = rows[row : row + count].reshape(value.shape), row + count
    return bias_h, own
