"""What an ensemble of classifiers decides by."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.graphs import with_modules
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.threshold import DecisionThreshold

_HALF = 0.5
"""The threshold of a head that has none: the likelier of two labels."""


def with_average_threshold(heads: Sequence[ClassificationHead]) -> ClassificationHead:
    """The first head, with the average threshold of all of them if any has one."""
    if all(head.decision is None for head in heads):
        return heads[0]
    thresholds = [_HALF if head.decision is None else head.decision.value for head in heads]
    return with_modules(heads[0], decision=DecisionThreshold(sum(thresholds) / len(thresholds)))
