"""Scores of segments, the stretches of one label in a sequence: is their order correct, and are their places?

Labels of single steps can be correct nearly everywhere and yet flicker; these scores, of Lea et al. (2017,
arXiv:1611.05267), count each stretch once, however long.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import NamedTuple

from seqkit.scores.written import edit_distance

Sequences = Sequence[Sequence[str]]
"""The labels of each sequence, step by step."""


class Segment(NamedTuple):
    """Steps ``start`` to ``stop``, the last not among them, that have one label."""

    label: str
    start: int
    stop: int


def segments(labels: Sequence[str], background: Collection[str] = ()) -> list[Segment]:
    """The stretches of equal labels, in their order; those of the background are left out."""
    stretches, start = [], 0
    for label, steps in groupby(labels):
        stop = start + len(list(steps))
        if label not in background:
            stretches.append(Segment(label, start, stop))
        start = stop
    return stretches


def segment_f1(truth: Sequences, predicted: Sequences, overlap: float, background: Collection[str] = ()) -> float:
    """F1 of segments, 0 to 1: ``2·TP / (2·TP + FP + FN)``, counted over all sequences (0 where no segment is).

    A predicted segment is matched with the true one of its label that it overlaps most, and is correct if that one has
    no match yet and ``steps in both / steps in either >= overlap``: 0.1, 0.25 and 0.5 are usual.
    """
    correct = total = 0
    for pair in zip(truth, predicted, strict=True):
        (matches,), count = segment_matches(*pair, [overlap], background)
        correct, total = correct + matches, total + count
    return 2 * correct / max(1, total)


def segment_matches(
    truth: Sequence[str], predicted: Sequence[str], overlaps: Sequence[float], background: Collection[str] = ()
) -> tuple[list[int], int]:
    """Of one sequence, the number of correct segments with each overlap, and that of all segments of both sides."""
    one, other = segments(truth, background), segments(predicted, background)
    return [_matches(one, other, overlap) for overlap in overlaps], len(one) + len(other)


def edit_score(truth: Sequences, predicted: Sequences, background: Collection[str] = ()) -> float:
    """How far the order of segments is correct, wherever they lie, 0 to 1.

    ``1 - edit distance of the segments' labels / the larger number of segments``, the mean over sequences.
    """
    scores = []
    for pair in zip(truth, predicted, strict=True):
        one, other = ([segment.label for segment in segments(labels, background)] for labels in pair)
        scores.append(1 - edit_distance(one, other) / max(1, len(one), len(other)))
    return sum(scores) / max(1, len(scores))


def _matches(truth: Sequence[Segment], predicted: Sequence[Segment], overlap: float) -> int:
    matched: set[Segment] = set()
    for segment in predicted:
        nearest = max(truth, key=lambda other: _overlap(segment, other), default=None)
        if nearest and nearest not in matched and _overlap(segment, nearest) >= max(overlap, _TOUCH):
            matched.add(nearest)
    return len(matched)


_TOUCH = 1e-9
"""Segments without a common step are no match, even if no overlap is requested."""


def _overlap(one: Segment, other: Segment) -> float:
    if one.label != other.label:
        return 0.0
    both = max(0, min(one.stop, other.stop) - max(one.start, other.start))
    return both / (one.stop - one.start + other.stop - other.start - both)
