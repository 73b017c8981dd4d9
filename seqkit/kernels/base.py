"""What every kernel shares: the contract, the weights of one direction of a layer, the handling of sequence lengths.

B batch, T time, I inputs, H hidden units, G gates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.lengths import reverse_sequences, sequence_mask


class Weights(NamedTuple):
    """The parameters of one direction of one layer; rows in the order of the cell's gates."""

    weight_x: Tensor
    """(G·H, I)"""
    weight_h: Tensor
    """(G·H, H), or (0, H) for a cell without a recurrent product"""
    bias: Tensor
    """(G·H)"""
    bias_h: Tensor | None = None
    """(n·H) for the n gates in ``cell.recurrent_bias``"""
    own: Mapping[str, Tensor] = {}
    """The cell's own parameters, by name"""


class LayerCall(NamedTuple):
    """What a kernel is asked to compute; see :meth:`Kernel.run`."""

    cell: Cell
    weights: Sequence[Weights]
    x: Tensor
    lengths: Tensor | None
    states: Sequence[Tensor] | None
    cache: Any


class Kernel(ABC):
    """A way to run one layer, in one or two directions, over time."""

    @abstractmethod
    def supports(self, cell: Cell, x: Tensor) -> bool:
        """Whether this kernel can run the cell on such input (its dtype and device)."""

    def run(
        self,
        cell: Cell,
        weights: Sequence[Weights],
        x: Tensor,
        lengths: Tensor | None,
        states: Sequence[Tensor] | None,
        cache: Any = None,
    ) -> tuple[Tensor, CellState]:
        """x (B, T, I) and states (B, D, H), None for zeros, to outputs (B, T, D·H) and the states after the last step.

        x may be a single step (B, I), without lengths; its output is (B, D·H) then.
        The second direction reads each sequence from its own end. With ``lengths`` (B), steps at or beyond a sequence's
        length give output 0 and leave its state alone. In ``cache`` a kernel may keep what it derives from the weights.
        """
        if x.dim() == 3:
            return self.run_layer(LayerCall(cell, weights, x, lengths, states, cache))
        out, final = self.run_layer(LayerCall(cell, weights, x.unsqueeze(1), None, states, cache))
        return out.squeeze(1), final

    @abstractmethod
    def run_layer(self, call: LayerCall) -> tuple[Tensor, CellState]:
        """What :meth:`run` returns, for x (B, T, I)."""


def stands_for_several(tensor: Tensor) -> bool:
    """Whether it is mapped by ``vmap``, as gradients of several outputs at once are, and takes no writing in place."""
    of_functorch = torch._C._functorch.is_batchedtensor(tensor)
    return of_functorch or torch._C._functorch.is_legacy_batchedtensor(tensor)


class DirectionKernel(Kernel):
    """A kernel that knows one direction only: the second reads, and gives back, reversed sequences."""

    @abstractmethod
    def run_direction(
        self, cell: Cell, weights: Weights, x: Tensor, lengths: Tensor | None, state: CellState
    ) -> tuple[Tensor, CellState]:
        """x (B, T, I) and state (B, H), to outputs (B, T, H) and the state after each sequence's last step."""

    def run_layer(self, call: LayerCall) -> tuple[Tensor, CellState]:
        """See :class:`Kernel`."""
        cell, weights, x, lengths, states, _ = call
        if states is None:
            zeros = x.new_zeros(x.shape[0], len(weights), weights[0].weight_h.shape[1])
            states = (zeros,) * len(cell.state_names)
        if lengths is not None:
            # Whatever is in the padding, NaN too, must not reach a product.
            x = x.masked_fill(~sequence_mask(lengths, x.shape[1]).unsqueeze(2), 0.0)
        outputs, finals = [], []
        for number, parameters in enumerate(weights):
            forwards = reverse_sequences(x, lengths) if number else x
            out, final = self.run_direction(cell, parameters, forwards, lengths, tuple(s[:, number] for s in states))
            outputs.append(reverse_sequences(out, lengths) if number else out)
            finals.append(final)
        stacked = tuple(torch.stack(directions, 1) for directions in zip(*finals, strict=True))
        return (torch.cat(outputs, 2) if len(outputs) > 1 else outputs[0]), stacked
