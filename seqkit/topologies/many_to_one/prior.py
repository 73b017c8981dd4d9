"""What n-grams say of a text, as a part of a head's outputs: what the priors of all targets share.

B batch, K n-grams of a text, F n-grams known, O outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

_GAIN_SPEED = 10.0
"""Steps of an optimizer have one size for all parameters, and a gain has far to go."""


class GramPrior(nn.Module, ABC):
    """``prior = gain / √K · Σ_k evidence_k`` over the n-grams that a text has; only the gain is learned.

    In training each text is judged by the others alone, so that what the network adds is learned against an honest
    prior.

    Args:
        evidence: (F + 1, O), the last row 0, which is padding. It comes with the codec and is not saved.
    """

    evidence: Tensor
    counted: bool = True
    """Whether the training texts are those that were counted; of a split larger than memory, few are"""

    def __init__(self, evidence: Tensor) -> None:
        super().__init__()
        self.register_buffer("evidence", evidence, persistent=False)
        self.log_gain = nn.Parameter(torch.zeros(()))

    @property
    def padding(self) -> int:
        """The number that stands for no n-gram: F."""
        return len(self.evidence) - 1

    @property
    def gain(self) -> Tensor:
        """How much the prior counts, above 0."""
        return torch.exp(_GAIN_SPEED * self.log_gain)

    def forward(self, ngrams: Tensor, targets: Tensor | None = None) -> Tensor:
        """Numbers of n-grams (B, K), padded, to (B, O); with targets, each text is left out of its own counts."""
        real = ngrams != self.padding
        if targets is None or not self.counted:
            evidence = nn.functional.embedding_bag(ngrams, self.evidence, mode="sum")
        else:
            evidence = self.from_others(ngrams, targets, real)
        prior: Tensor = self.gain * evidence / real.sum(1, keepdim=True).clamp(min=1).sqrt()
        return prior

    @abstractmethod
    def from_others(self, ngrams: Tensor, targets: Tensor, real: Tensor) -> Tensor:
        """The sum (B, O) of the evidence that all texts but the one itself give; ``real`` (B, K) is not padding."""
