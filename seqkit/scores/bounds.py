"""Which values a score can have, whatever the data."""

from __future__ import annotations

import math

from seqkit.scores.direction import higher_is_better

_OF_A_HUNDRED = frozenset({"bleu", "chrf"})
_FRACTIONS = frozenset({"accuracy", "coverage", "edit", "exact", "f1", "precision", "recall"})
"""A name that has one of these words: ``macro_f1``, ``exact_match``, ``accuracy_100``"""


def bounds(score: str) -> tuple[float, float]:
    """The smallest and the largest value, by the name of a score; infinite where there is none, or it is not known."""
    if score in _OF_A_HUNDRED:
        return 0.0, 100.0
    if _FRACTIONS.intersection(score.split("_")):
        return 0.0, 1.0
    return (-math.inf, math.inf) if higher_is_better(score) else (0.0, math.inf)


def within_bounds(score: str, limits: tuple[float, float]) -> tuple[float, float]:
    """An interval without what is impossible."""
    (low, high), (least, most) = limits, bounds(score)
    return max(low, least), min(high, most)
