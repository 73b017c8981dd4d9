"""Whether a model's confidence is justified: is it correct as often as its probabilities say?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

BINS = 10
"""Few enough that each has some answers of a small test split; the papers take 10 to 15."""


class Bin(NamedTuple):
    """The answers with a confidence from ``low`` to ``high``."""

    low: float
    high: float
    answers: int
    """How many"""
    confidence: float
    """Their average probability"""
    accuracy: float
    """The fraction of them that is correct"""


class Calibration(NamedTuple):
    """The bins that have answers, the expected calibration error, and the number of all answers."""

    bins: list[Bin]
    error: float
    answers: int


def calibrate(answers: Sequence[tuple[float, bool]]) -> Calibration:
    """Ten bins of equal width over answers, each with its probability and whether it is correct.

    ``ECE = Σ_bins n_bin / n · |accuracy_bin - confidence_bin|`` (Naeini et al., 2015; Guo et al., 2017,
    arXiv:1706.04599).
    """
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, correct in answers:
        groups[min(BINS - 1, int(confidence * BINS))].append((confidence, correct))
    bins = [
        Bin(n / BINS, (n + 1) / BINS, len(group), fmean(c for c, _ in group), fmean(correct for _, correct in group))
        for n, group in enumerate(groups)
        if group
    ]
    error = sum(entry.answers * abs(entry.accuracy - entry.confidence) for entry in bins) / max(1, len(answers))
    return Calibration(bins, error, len(answers))
