"""One vector from the outputs of a whole sequence.

B batch, T time, F features of each output.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError, unknown
from seqkit.lengths import sequence_mask

POOLINGS = ("last", "mean", "max", "attention")


class Pooling(nn.Module):
    """Pools outputs (B, T, F) to (B, n·F), for n ways joined with ``+``, such as ``"mean+max"``.

    - ``last``: the final state of the last layer, one direction beside the other.
    - ``mean``, ``max``: over the steps of each sequence, without padding.
    - ``attention``: ``Σ_t a_t y_t`` with ``a = softmax_t(v · tanh(W y_t))`` (Yang et al., 2016).

    A sequence of length 0 pools to 0, except with ``last``, which gives the initial state.
    """

    def __init__(self, ways: str, features: int) -> None:
        super().__init__()
        self.ways = tuple(way.strip() for way in ways.split("+"))
        for way in self.ways:
            if way not in POOLINGS:
                raise unknown("pooling", way, POOLINGS)
        if len(set(self.ways)) < len(self.ways):
            raise UsageError(f"pooling '{ways}' names a way twice; name each once")
        self.output_size = len(self.ways) * features
        if "attention" in self.ways:
            self.score = nn.Sequential(nn.Linear(features, features), nn.Tanh(), nn.Linear(features, 1, bias=False))

    def forward(self, outputs: Tensor, final: Tensor, lengths: Tensor) -> Tensor:
        """Outputs (B, T, F) with 0 at padding, the final state (B, F) and lengths (B) to (B, n·F)."""
        return torch.cat([self._pool(way, outputs, final, lengths) for way in self.ways], 1)

    def _pool(self, way: str, outputs: Tensor, final: Tensor, lengths: Tensor) -> Tensor:
        if way == "last":
            return final
        if way == "mean":
            return outputs.sum(1) / lengths.clamp(min=1).unsqueeze(1)
        if way == "max":
            # -inf is added, not filled in: the gradient of a sum needs no copy of the outputs.
            outside = ~sequence_mask(lengths, outputs.shape[1])
            below = outputs.new_zeros(outputs.shape[:2]).masked_fill(outside, -torch.inf)
            empty = (lengths == 0).unsqueeze(1)
            return (outputs + below.unsqueeze(2)).amax(1).masked_fill(empty, 0.0)
        return (self.weights(outputs, lengths).unsqueeze(2) * outputs).sum(1)

    def weights(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """The weight (B, T) that ``attention`` gives to each of the outputs (B, T, F)."""
        outside = ~sequence_mask(lengths, outputs.shape[1])
        scores = self.score(outputs).squeeze(2).masked_fill(outside, torch.finfo(outputs.dtype).min)
        return torch.softmax(scores, 1)
