"""What both families share: scores from counts, and steps as the unit of sizes and speed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from seqkit.scores.resampling import ScoreCounts
from seqkit.topologies.task import C, E, H, K, P, Task


class Synced(Task[C, E, P, K, H]):
    """A label for each step of a sequence.

    Scores are those of summed counts, so that a score and the interval around it, which is resampled from the same
    counts, never differ in what they measure.
    """

    topology = "many to many, synced"
    metric = "accuracy"
    steps: ClassVar[str]
    """What has a label: ``"words"``; the speed of training is reported in it"""

    @abstractmethod
    def score_counts(self, predictions: Sequence[P], examples: Sequence[E]) -> ScoreCounts:
        """What the scores count in each prediction and its example."""

    def score(self, predictions: Sequence[P], examples: Sequence[E]) -> dict[str, float]:
        """The scores of all counts together."""
        counts = self.score_counts(predictions, examples)
        return counts.score(counts.rows.sum(0))

    def unit(self, config: C) -> str:
        """Steps, by their name."""
        return self.steps
