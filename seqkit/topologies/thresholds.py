"""The probability from which a label is predicted; of a set, tuned for all labels as one or for each.

N texts or frames, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqkit.errors import UsageError
from seqkit.scores.label_sets import indicator_scores

AUTO = "auto"
SET_SCORES = ("micro_f1", "macro_f1", "exact_match")
"""Those of sets of labels; models are compared by the first."""
_TRIED = 200
"""Thresholds that are tried, at most: each is scored on all of the validation split."""
_FEW = 5
"""Texts or frames of validation that have a label, for a threshold of its own: of fewer, the best one is luck."""


class TunedThresholds(NamedTuple):
    """A threshold for each label (L), and the score of the validation split with them and with 0.5."""

    values: np.ndarray
    score: float
    score_at_half: float


def candidates(probabilities: Sequence[float]) -> list[float]:
    """Thresholds to try: 0.5, and some that lie halfway between neighbouring probabilities."""
    distinct = sorted(set(probabilities))
    halfway = [(low + high) / 2 for low, high in pairwise(distinct)]
    step = max(1, -(-len(halfway) // _TRIED))
    return [0.5, *halfway[step // 2 :: step]]


def given_threshold(setting: str | None) -> float | None:
    """The threshold that the option says, for all labels; None where it is tuned.

    Raises :class:`UsageError` for a setting that is not a probability.
    """
    if setting in (None, AUTO):
        return None
    try:
        threshold = float(str(setting))
    except ValueError:
        threshold = 0.0
    # Comparisons with NaN are false.
    if not 0 < threshold < 1:
        raise UsageError(f"threshold must be auto, or a number between 0 and 1, not {setting!r:.80}")
    return threshold


def tune_thresholds(probabilities: np.ndarray, truth: np.ndarray, score: str, each: bool) -> TunedThresholds:
    """The one threshold of all labels with the best score; with ``each``, those of single labels if they score better.

    A label's own threshold is the one with its best F1, as far as five texts have the label. Among equals the one
    nearest to 0.5, or to that of all labels, is taken.

    Args:
        probabilities: (N, L).
        truth: (N, L) of bool.
        score: one of ``micro_f1``, ``macro_f1`` and ``exact_match``.
        each: whether labels get thresholds of their own.
    """

    def scored(thresholds: np.ndarray | float) -> float:
        return indicator_scores(truth, probabilities >= thresholds)[score]

    tried = {threshold: scored(threshold) for threshold in candidates(probabilities.ravel().tolist())}
    common = max(tried, key=lambda threshold: (tried[threshold], -abs(threshold - 0.5)))
    values = np.full(probabilities.shape[1], common)
    if each:
        own = np.array([_own(*columns, common) for columns in zip(probabilities.T, truth.T, strict=True)])
        values = own if scored(own) > tried[common] else values
    return TunedThresholds(values, scored(values), tried[0.5])


def _own(probabilities: np.ndarray, truth: np.ndarray, common: float) -> float:
    """The threshold of one label, for probabilities and truth (N)."""
    if truth.sum() < _FEW:
        return common

    def f1(threshold: float) -> float:
        predicted = probabilities >= threshold
        return float(2 * (predicted & truth).sum() / max(1, predicted.sum() + truth.sum()))

    tried: Sequence[float] = [common, *candidates(probabilities.tolist())]
    return max(tried, key=lambda threshold: (f1(threshold), -abs(threshold - common)))
