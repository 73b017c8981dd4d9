"""The probability from which the second of two labels is predicted, and how it is tuned.

B batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.answers.labels import Classified
from seqkit.data import Example
from seqkit.errors import UsageError
from seqkit.scores.direction import Criterion
from seqkit.topologies.thresholds import AUTO, candidates


class DecisionThreshold(nn.Module):
    """Predicts the second of two labels where its probability is at least ``threshold``, else the first.

    The threshold is kept with the weights.
    """

    threshold: Tensor

    def __init__(self, threshold: float = 0.5) -> None:
        super().__init__()
        # Of float64 and one dimension: a scalar would be rounded to the type of the probabilities.
        self.register_buffer("threshold", torch.tensor([threshold], dtype=torch.float64))

    @property
    def value(self) -> float:
        """The threshold as a number."""
        return float(self.threshold)

    def forward(self, probabilities: Tensor) -> Tensor:
        """The numbers of the labels (B) from probabilities (B, 2)."""
        return (probabilities[:, 1] >= self.threshold).long()


class TunedThreshold(NamedTuple):
    """A threshold, and the score of the validation split with it and with 0.5."""

    value: float
    score: float
    score_at_half: float


def first_threshold(setting: str | None, labels: Sequence[str]) -> float | None:
    """The threshold of a new head: the one that is given, 0.5 where it will be tuned, None where there is none.

    Raises :class:`UsageError` for a setting that is not a probability, and unless there are two labels.
    """
    if setting is None:
        return None
    if len(labels) != 2:
        raise UsageError(f"a threshold is for two labels, and there are {len(labels)}; leave out --threshold")
    try:
        threshold = 0.5 if setting == AUTO else float(setting)
    except ValueError:
        threshold = 0.0
    # Comparisons with NaN are false.
    if not 0 < threshold < 1:
        raise UsageError(f"threshold must be auto, or a number between 0 and 1, not {setting!r:.80}")
    return threshold


def tune_threshold(
    predictions: Sequence[Classified],
    examples: Sequence[Example],
    label: str,
    score: Callable[[Sequence[Classified], Sequence[Example]], dict[str, float]],
    criterion: Criterion,
) -> TunedThreshold:
    """The threshold of a label with the best score; among equals the one nearest to 0.5, which makes least of chance.

    Those tried lie halfway between neighbouring probabilities that were predicted.
    """
    sign = 1 if criterion.higher_is_better else -1
    scores = {
        threshold: score([_relabelled(p, label, threshold) for p in predictions], examples)[criterion.score]
        for threshold in candidates([p.probabilities[label] for p in predictions])
    }
    best = max(scores, key=lambda threshold: (sign * scores[threshold], -abs(threshold - 0.5)))
    return TunedThreshold(best, scores[best], scores[0.5])


def _relabelled(prediction: Classified, label: str, threshold: float) -> Classified:
    (other,) = (name for name in prediction.probabilities if name != label)
    return replace(prediction, label=label if prediction.probabilities[label] >= threshold else other)
