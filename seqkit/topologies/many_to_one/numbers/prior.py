"""What n-grams say of a number.

B batch, K n-grams of a text, F n-grams known, N numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.topologies.many_to_one.prior import GramPrior

_SMOOTHING = 2.0
"""Texts of the average number that every n-gram is counted with."""


class NumberPrior(GramPrior):
    """How far the numbers of texts that have an n-gram lie from the average, as a part of the outputs.

    ``prior = gain / √K · Σ_k S_k / (n_k + s)``, of the n_k training texts that have the n-gram and the sum S_k of their
    scaled numbers. In training each text is left out of both. Only the gain is learned. The prior is of means; to the
    outputs of intervals, which are distances from them, it adds 0.

    Args:
        counts: n_k, F rows of one.
        sums: S_k, F rows of N.
    """

    counts: Tensor
    sums: Tensor

    def __init__(self, counts: Sequence[Sequence[int]], sums: Sequence[Sequence[float]], numbers: int) -> None:
        # Counts come with the codec; the last row is padding.
        having = torch.tensor([*counts, [0]], dtype=torch.float32)
        summed = torch.tensor([*sums, [0.0] * numbers], dtype=torch.float32)
        super().__init__(_for_outputs(summed / (having + _SMOOTHING)))
        self.register_buffer("counts", having, persistent=False)
        self.register_buffer("sums", summed, persistent=False)

    def from_others(self, ngrams: Tensor, targets: Tensor, real: Tensor) -> Tensor:
        """See :class:`GramPrior`; targets (B, N), outputs (B, 3N)."""
        counts = (self.counts[ngrams] - 1).clamp(min=0)
        others = (self.sums[ngrams] - targets.unsqueeze(1)) / (counts + _SMOOTHING)
        # Of an n-gram that no other text has, rounding alone would be left.
        return _for_outputs(others * (counts > 0))


def _for_outputs(evidence: Tensor) -> Tensor:
    nothing = torch.zeros_like(evidence)
    return torch.cat([evidence, nothing, nothing], -1)
