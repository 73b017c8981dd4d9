"""What every kernel shares: the weights of one direction of one layer, and the handling of sequence lengths.

B batch, T time, I inputs, H hidden units, G gates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.lengths import reverse_sequences, sequence_mask


class Weights(NamedTuple):
    """The parameters of one direction of one layer; rows in the order of the cell's gates."""

    weight_x: Tensor
    """(G·H, I)"""
    weight_h: Tensor
    """(G·H, H)"""
    bias: Tensor
    """(G·H)"""
    bias_h: Tensor | None = None
    """(n·H) for the n gates in ``cell.recurrent_bias``"""
    own: Mapping[str, Tensor] = {}
    """The cell's own parameters, by name"""


class Kernel(Protocol):
    """A way to run one layer, in one or two directions, over time."""

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """Whether this kernel can run the cell on such input (its dtype and device)."""
        ...

    def run(
        self,
        cell: Cell,
        weights: Sequence[Weights],
        x: Tensor,
        lengths: Tensor | None,
        states: Sequence[Tensor] | None,
        cache: dict[str, Any] | None = None,
    ) -> tuple[Tensor, CellState]:
        """x (B, T, I) and states (B, D, H), None for zeros, to outputs (B, T, D·H) and the states after the last step.

        x may be a single step (B, I), without lengths; its output is (B, D·H) then.
        The second direction reads each sequence from its own end. With ``lengths`` (B), steps at or beyond a sequence's
        length give output 0 and leave its state alone. In ``cache`` a kernel may keep what it makes of the weights.
        """
        ...


OneDirection = Callable[[Cell, Weights, Tensor, Tensor | None, CellState], tuple[Tensor, CellState]]


def run_directions(
    run: OneDirection,
    cell: Cell,
    weights: Sequence[Weights],
    x: Tensor,
    lengths: Tensor | None,
    states: Sequence[Tensor] | None,
) -> tuple[Tensor, CellState]:
    """A layer out of a kernel that knows one direction only: the second reads, and gives back, reversed sequences."""
    if x.dim() == 2:
        out, final = run_directions(run, cell, weights, x.unsqueeze(1), None, states)
        return out.squeeze(1), final
    if states is None:
        zeros = x.new_zeros(x.shape[0], len(weights), weights[0].weight_h.shape[1])
        states = (zeros,) * len(cell.state_names)
    if lengths is not None:
        # Whatever stands in the padding, NaN too, must not reach a product.
        x = x.masked_fill(~sequence_mask(lengths, x.shape[1]).unsqueeze(2), 0.0)
    outputs, finals = [], []
    for number, parameters in enumerate(weights):
        given = reverse_sequences(x, lengths) if number else x
        out, final = run(cell, parameters, given, lengths, tuple(s[:, number] for s in states))
        outputs.append(reverse_sequences(out, lengths) if number else out)
        finals.append(final)
    both = tuple(torch.stack(parts, 1) for parts in zip(*finals, strict=True))
    return (torch.cat(outputs, 2) if len(outputs) > 1 else outputs[0]), both
