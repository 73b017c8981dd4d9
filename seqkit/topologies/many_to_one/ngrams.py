"""Counts of n-grams beside the recurrent layer: what a few hundred examples teach before a network has learned to read.

B batch, K n-grams of a text, F n-grams known, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.topologies.many_to_one.prior import GramPrior

__all__ = ["NgramCounts", "NgramPrior"]


class NgramPrior(GramPrior):
    """Naive Bayes of n-grams as a part of the logits; each training text is judged by the others alone.

    ``prior_c = gain / √K · Σ_k (log p(k | c) - mean_c log p(k | c))`` with ``p(k | c) = (n_kc + 1) / (N_c + F)``; in
    training a text's own n-grams are removed from the counts of its class first, so that what the network adds is
    learned against an honest prior. Only the gain is learned.

    Source: Wang and Manning, 2012, P12-2018 (naive Bayes features under a trained model).
    """

    counts: Tensor
    totals: Tensor

    def __init__(
        self, counts: Sequence[Sequence[int]], classes: int, weighted: bool = False, dropout: float = 0.0
    ) -> None:
        table = torch.tensor([*counts, [0] * classes], dtype=torch.float32).view(-1, classes)
        # Counts come with the codec; the last row is padding.
        totals = table.sum(0)
        evidence = _centered_evidence(table, totals, len(table))
        evidence[-1] = 0
        super().__init__(evidence, weighted, dropout)
        self.register_buffer("counts", table, persistent=False)
        self.register_buffer("totals", totals, persistent=False)

    def from_others(self, ngrams: Tensor, targets: Tensor, real: Tensor) -> Tensor:
        """See :class:`GramPrior`; targets (B)."""
        own = nn.functional.one_hot(targets, self.counts.shape[1]).to(self.counts.dtype)
        counts = (self.counts[ngrams] - own.unsqueeze(1)).clamp(min=0)
        totals = self.totals - own * real.sum(1, keepdim=True)
        return _centered_evidence(counts, totals.unsqueeze(1), len(self.counts))


def _centered_evidence(counts: Tensor, totals: Tensor, known: int) -> Tensor:
    """``log p(k | c)`` less its mean over the classes c, for counts (..., C)."""
    evidence = torch.log(counts + 1) - torch.log(totals + known)
    return evidence - evidence.mean(-1, keepdim=True)
