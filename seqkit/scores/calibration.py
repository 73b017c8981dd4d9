"""Whether a model is right as often as it says it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

BINS = 10


class Bin(NamedTuple):
    """The answers whose probability lies between low and high: how many, their mean probability, the part right."""

    low: float
    high: float
    answers: int
    sure: float
    right: float


class Calibration(NamedTuple):
    """The bins that have answers, and the expected calibration error."""

    bins: list[Bin]
    error: float
    answers: int


def calibrate(answers: Sequence[tuple[float, bool]]) -> Calibration:
    """Ten bins of equal width over answers, each with its probability and whether it is right.

    ``ECE = Σ_bins n_bin / n · |right_bin - sure_bin|`` (Naeini et al., 2015; Guo et al., 2017, arXiv:1706.04599).
    """
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for sure, right in answers:
        groups[min(BINS - 1, int(sure * BINS))].append((sure, right))
    bins = [
        Bin(n / BINS, (n + 1) / BINS, len(group), _mean([s for s, _ in group]), _mean([float(r) for _, r in group]))
        for n, group in enumerate(groups)
        if group
    ]
    error = sum(each.answers * abs(each.right - each.sure) for each in bins) / max(1, len(answers))
    return Calibration(bins, error, len(answers))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
