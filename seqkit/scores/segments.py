"""Scores of segments, the stretches of one label in a sequence: does the order hold, do they lie where they should?

A label for every step can be right nearly everywhere and yet flicker; these scores, of Lea et al. (2017,
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
    found, start = [], 0
    for label, steps in groupby(labels):
        stop = start + len(list(steps))
        if label not in background:
            found.append(Segment(label, start, stop))
        start = stop
    return found


def segment_f1(truth: Sequences, found: Sequences, overlap: float, background: Collection[str] = ()) -> float:
    """F1 of segments, 0 to 1: ``2·TP / (2·TP + FP + FN)``, counted over all sequences (0 where no segment is).

    A found segment goes to the true one of its label that it overlaps most, and is right if that one has no other yet
    and ``steps in both / steps in either >= overlap``: 0.1, 0.25 and 0.5 are usual.
    """
    right = total = 0
    for pair in zip(truth, found, strict=True):
        (matched,), several = segment_matches(*pair, [overlap], background)
        right, total = right + matched, total + several
    return 2 * right / max(1, total)


def segment_matches(
    truth: Sequence[str], found: Sequence[str], overlaps: Sequence[float], background: Collection[str] = ()
) -> tuple[list[int], int]:
    """How many found segments of one sequence are right with each overlap, and how many segments both sides have."""
    one, other = segments(truth, background), segments(found, background)
    return [_matches(one, other, overlap) for overlap in overlaps], len(one) + len(other)


def edit_score(truth: Sequences, found: Sequences, background: Collection[str] = ()) -> float:
    """How well the order of segments holds, wherever they lie, 0 to 1.

    ``1 - edit distance of the segments' labels / the larger number of segments``, the mean over sequences.
    """
    scores = []
    for pair in zip(truth, found, strict=True):
        one, other = ([segment.label for segment in segments(labels, background)] for labels in pair)
        scores.append(1 - edit_distance(one, other) / max(1, len(one), len(other)))
    return sum(scores) / max(1, len(scores))


def _matches(truth: Sequence[Segment], found: Sequence[Segment], overlap: float) -> int:
    taken: set[Segment] = set()
    for segment in found:
        nearest = max(truth, key=lambda other: _overlap(segment, other), default=None)
        if nearest and nearest not in taken and _overlap(segment, nearest) >= max(overlap, _TOUCH):
            taken.add(nearest)
    return len(taken)


_TOUCH = 1e-9
"""Segments that share no step are no match, even if no overlap is asked for."""


def _overlap(one: Segment, other: Segment) -> float:
    if one.label != other.label:
        return 0.0
    both = max(0, min(one.stop, other.stop) - max(one.start, other.start))
    return both / (one.stop - one.start + other.stop - other.start - both)
