"""What n-grams say of each label of a set.

B batch, K n-grams of a text, F n-grams known, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.topologies.many_to_one.prior import GramPrior

_SMOOTHING = 0.5
"""Added to counts and to what they are expected to be: an n-gram seen once says little, one never seen nothing."""


class LabelSetPrior(GramPrior):
    """Evidence of n-grams for and against each label, as a part of its logit.

    ``prior_l = gain / √K · Σ_k (log r(k, l) - log r(k, not l))``, where r is how many texts with the label (or without
    it) have the n-gram, to how many would if the label made no difference: ``(n_kl + s) / (n_k D_l / D + s)``, of D
    texts D_l with the label. In training each text is judged by the counts of the others. Only the gain is learned.

    Args:
        counts: F rows: of how many texts with each of L labels an n-gram is part, and of how many in all.
        labelled: D_l (L).
        texts: D.
    """

    counts: Tensor
    labelled: Tensor

    def __init__(self, counts: Sequence[Sequence[int]], labelled: Sequence[int], texts: int) -> None:
        table = torch.tensor([*counts, [0] * (len(labelled) + 1)], dtype=torch.float32)
        # Counts come with the codec; the last row is padding, for which and against which nothing speaks.
        having = torch.tensor(labelled, dtype=torch.float32)
        super().__init__(_evidence(table, having, texts))
        self.register_buffer("counts", table, persistent=False)
        self.register_buffer("labelled", having, persistent=False)
        self.texts = texts

    def from_others(self, ngrams: Tensor, targets: Tensor, real: Tensor) -> Tensor:
        """See :class:`GramPrior`; targets (B, L)."""
        own = torch.cat([targets, torch.ones_like(targets[:, :1])], 1).unsqueeze(1)
        counts = (self.counts[ngrams] - own).clamp(min=0)
        return _evidence(counts, self.labelled - targets.unsqueeze(1), self.texts - 1)


def _evidence(counts: Tensor, labelled: Tensor, texts: int) -> Tensor:
    """``log r(k, l) - log r(k, not l)`` for counts (..., L + 1), of which the last is that of all texts."""
    having, every = counts[..., :-1], counts[..., -1:]
    share = labelled / max(1, texts)
    for_label = (having + _SMOOTHING) / (every * share + _SMOOTHING)
    against = (every - having + _SMOOTHING) / (every * (1 - share) + _SMOOTHING)
    return torch.log(for_label) - torch.log(against)
