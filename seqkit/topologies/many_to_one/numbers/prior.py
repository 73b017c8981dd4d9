"""What n-grams say of a number.

B batch, K n-grams of a text, F n-grams known, N numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_SMOOTHING = 2.0
"""Texts of the average number that every n-gram is counted with."""
_GAIN_SPEED = 10.0
"""Steps of an optimizer have one size for all parameters, and a gain has far to go."""


class NumberPrior(nn.Module):
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
    evidence: Tensor

    def __init__(self, counts: Sequence[Sequence[int]], sums: Sequence[Sequence[float]], numbers: int) -> None:
        super().__init__()
        # Counts come with the codec; the last row is padding.
        self.register_buffer("counts", torch.tensor([*counts, [0]], dtype=torch.float32), persistent=False)
        self.register_buffer("sums", torch.tensor([*sums, [0.0] * numbers], dtype=torch.float32), persistent=False)
        self.register_buffer("evidence", _for_outputs(self.sums / (self.counts + _SMOOTHING)), persistent=False)
        self.log_gain = nn.Parameter(torch.zeros(()))

    @property
    def padding(self) -> int:
        """The number that stands for no n-gram."""
        return len(self.counts) - 1

    @property
    def gain(self) -> Tensor:
        """How much the prior counts, above 0."""
        return torch.exp(_GAIN_SPEED * self.log_gain)

    def forward(self, ngrams: Tensor, targets: Tensor | None = None) -> Tensor:
        """Numbers of n-grams (B, K), padded, to (B, 3N); with targets (B, N), a text is left out of its own sums."""
        real = ngrams != self.padding
        if targets is None:
            evidence = nn.functional.embedding_bag(ngrams, self.evidence, mode="sum")
        else:
            counts = (self.counts[ngrams] - 1).clamp(min=0)
            others = (self.sums[ngrams] - targets.unsqueeze(1)) / (counts + _SMOOTHING)
            # Of an n-gram that no other text has, rounding alone would be left.
            evidence = _for_outputs((others * (real.unsqueeze(2) & (counts > 0))).sum(1))
        prior: Tensor = self.gain * evidence / real.sum(1, keepdim=True).clamp(min=1).sqrt()
        return prior


def _for_outputs(evidence: Tensor) -> Tensor:
    nothing = torch.zeros_like(evidence)
    return torch.cat([evidence, nothing, nothing], -1)
