"""From the final state of one recurrent layer to the first state of another.

B batch, L layers, D directions, H hidden units.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from seqkit.layers.recurrent import Recurrent
from seqkit.layers.state import State


class Source(NamedTuple):
    """The sizes of what starts a decoder: those of an encoder's recurrent layer."""

    output_size: int
    state_sizes: tuple[int, ...]
    """Of each tensor of the final state, all layers and directions side by side"""

    @classmethod
    def of(cls, layer: Recurrent) -> Source:
        """The sizes of a recurrent layer."""
        width = layer.num_layers * layer.num_directions * layer.hidden_size
        return cls(layer.output_size, (width,) * len(layer.cell.state_names))


class Bridge(nn.Module):
    """The final state of one layer to the first state of another, whatever their cells, layers and directions.

    Every tensor of the first state (an LSTM's c, too) contributes to every tensor of the second:
    ``h = tanh(W [h; c] + b)``, and ``c = W [h; c] + b`` for tensors after the first.
    """

    def __init__(self, source: Source, target: Recurrent) -> None:
        super().__init__()
        self.names, self.layers = target.cell.state_names, target.num_layers
        sizes = (sum(source.state_sizes), target.num_layers * target.hidden_size)
        self.maps = nn.ModuleDict({name: nn.Linear(*sizes) for name in self.names})

    def forward(self, state: State) -> State:
        """A state (B, L·D, H) each, to one that fits the target."""
        joined = torch.cat([tensor.flatten(1) for tensor in state.values()], 1)
        mapped = {name: self.maps[name](joined).unflatten(1, (self.layers, -1)) for name in self.names}
        first = self.names[0]
        return State({**mapped, first: torch.tanh(mapped[first])})
