"""What n-grams say of a text, as a part of a head's outputs: what the priors of all targets share.

B batch, K n-grams of a text, F n-grams known, O outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

_SPEED = 10.0
"""Steps of an optimizer have one size for all parameters, and a gain and weights have far to go."""


class GramPrior(nn.Module, ABC):
    """``prior = gain / √K · Σ_k w_k evidence_k`` over the n-grams that a text has; gain and weights are learned.

    In training each text is judged by the others alone. So what the network adds is learned against an honest prior,
    and a weight says how far the evidence of an n-gram holds for texts that it was not counted in: one that a single
    text has gives that text none, and learns next to nothing.

    Args:
        evidence: (F + 1, O), the last row 0, which is padding. It comes with the codec and is not saved.
        weighted: whether each n-gram has a weight of its own, 1 at first; else all weights are 1.
        dropout: of n-grams that have weights, in training.

    Source: Wang and Manning, 2012, P12-2018 (a model trained on evidence as features).
    """

    evidence: Tensor
    counted: bool = True
    """Whether the training texts are those that were counted; of a split larger than memory, few are"""

    def __init__(self, evidence: Tensor, weighted: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.register_buffer("evidence", evidence, persistent=False)
        self.log_gain = nn.Parameter(torch.zeros(()))
        # As changes from 1, so that weight decay pulls towards the counts. Without weights there is no such parameter.
        self.changes = nn.Parameter(torch.zeros(len(evidence), 1)) if weighted else None

    @property
    def padding(self) -> int:
        """The number that stands for no n-gram: F."""
        return len(self.evidence) - 1

    @property
    def gain(self) -> Tensor:
        """How much the prior counts, above 0."""
        return torch.exp(_SPEED * self.log_gain)

    @property
    def table(self) -> Tensor:
        """What each n-gram adds to the outputs of a text with a single one: ``gain · w_k evidence_k``, (F + 1, O)."""
        weighted = self.evidence if self.changes is None else (1 + _SPEED * self.changes) * self.evidence
        return self.gain * weighted

    def forward(self, ngrams: Tensor, targets: Tensor | None = None) -> Tensor:
        """Numbers of n-grams (B, K), padded, to (B, O); with targets, each text is left out of its own counts."""
        real = ngrams != self.padding
        weights = None
        if self.changes is not None:
            # Of the n-grams of these texts alone: to weigh a table of 100,000 takes a millisecond, a text 0.04.
            weights = 1 + _SPEED * nn.functional.embedding(ngrams, self.changes).squeeze(2)
        if targets is None or not self.counted:
            evidence = nn.functional.embedding_bag(ngrams, self.evidence, mode="sum", per_sample_weights=weights)
        else:
            others = self.from_others(ngrams, targets, real)
            kept = real if weights is None else real * nn.functional.dropout(weights, self.dropout, self.training)
            evidence = (others * kept.unsqueeze(2)).sum(1)
        prior: Tensor = self.gain * evidence / real.sum(1, keepdim=True).clamp(min=1).sqrt()
        return prior

    @abstractmethod
    def from_others(self, ngrams: Tensor, targets: Tensor, real: Tensor) -> Tensor:
        """The evidence (B, K, O) that all texts but the one itself give; ``real`` (B, K) is not padding."""
