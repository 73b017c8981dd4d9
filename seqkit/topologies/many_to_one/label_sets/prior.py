"""What n-grams say of each label of a set.

B batch, K n-grams of a text, F n-grams known, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_SMOOTHING = 0.5
"""Added to counts and to what they are expected to be: an n-gram seen once says little, one never seen nothing."""
_GAIN_SPEED = 10.0
"""Steps of an optimizer have one size for all parameters, and a gain has far to go."""


class LabelSetPrior(nn.Module):
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
    evidence: Tensor

    def __init__(self, counts: Sequence[Sequence[int]], labelled: Sequence[int], texts: int) -> None:
        super().__init__()
        table = torch.tensor([*counts, [0] * (len(labelled) + 1)], dtype=torch.float32)
        # Counts come with the codec; the last row is padding, for which and against which nothing speaks.
        self.register_buffer("counts", table, persistent=False)
        self.register_buffer("labelled", torch.tensor(labelled, dtype=torch.float32), persistent=False)
        self.texts = texts
        self.register_buffer("evidence", _evidence(table, self.labelled, texts), persistent=False)
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
        """Numbers of n-grams (B, K), padded, to (B, L); with targets (B, L), a text is left out of its own counts."""
        real = ngrams != self.padding
        if targets is None:
            evidence = nn.functional.embedding_bag(ngrams, self.evidence, mode="sum")
        else:
            own = torch.cat([targets, torch.ones_like(targets[:, :1])], 1).unsqueeze(1)
            counts = (self.counts[ngrams] - own).clamp(min=0)
            others = _evidence(counts, self.labelled - targets.unsqueeze(1), self.texts - 1)
            evidence = (others * real.unsqueeze(2)).sum(1)
        prior: Tensor = self.gain * evidence / real.sum(1, keepdim=True).clamp(min=1).sqrt()
        return prior


def _evidence(counts: Tensor, labelled: Tensor, texts: int) -> Tensor:
    """``log r(k, l) - log r(k, not l)`` for counts (..., L + 1), of which the last is that of all texts."""
    having, every = counts[..., :-1], counts[..., -1:]
    share = labelled / max(1, texts)
    for_label = (having + _SMOOTHING) / (every * share + _SMOOTHING)
    against = (every - having + _SMOOTHING) / (every * (1 - share) + _SMOOTHING)
    return torch.log(for_label) - torch.log(against)
