"""How certain scores are: they are computed again on examples resampled from the test split.

N examples of the test split, B resamples, S seeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Score = Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]

_COUNTS = (1000, 500, 200, 100, 50, 20)
"""Numbers of resamples, of which the largest is taken that is quick enough."""
_ENOUGH = 200
"""Fewer resamples say little of the outer fortieths; their deviation is used instead."""
_NORMAL = 1.959964
"""95 % of a normal distribution lie within this many deviations."""


class ScoreCounts(NamedTuple):
    """What a score counts in each of N pairs of prediction and example: the score of a draw is that of its sum."""

    rows: np.ndarray
    """(N, K)"""
    score: Callable[[np.ndarray], dict[str, float]]
    """Of a sum of rows (K)"""


class Resampled(NamedTuple):
    """The scores of B resamples by name; none where there is nothing to draw from, or scoring takes too long."""

    scores: dict[str, list[float]]
    resamples: int
    examples: int


def resample(
    score: Score,
    predictions: Sequence[Any],
    examples: Sequence[Any],
    seconds: float = 2.0,
    counts: ScoreCounts | None = None,
) -> Resampled:
    """Scores B times N pairs of prediction and example, drawn with replacement from all N (Efron, 1979).

    The b-th draw follows from N alone, so that the scores of all models on one test split are paired. B is the largest
    of 1000, 500, 200, 100, 50 and 20 that is expected to take no longer than ``seconds``, else 0. With ``counts`` of
    the pairs, their sums are scored instead, which is faster.
    """

    def scored(drawn: np.ndarray) -> dict[str, float]:
        if counts is not None:
            return counts.score(counts.rows[drawn].sum(0))
        return score([predictions[n] for n in drawn.tolist()], [examples[n] for n in drawn.tolist()])

    size = len(examples)
    count = _affordable(lambda: scored(np.arange(size)), seconds) if size > 1 else 0
    generator, scores = np.random.default_rng(0), dict[str, list[float]]()
    for _ in range(count):
        for name, value in scored(generator.integers(size, size=size)).items():
            scores.setdefault(name, []).append(value)
    # A score that only some resamples have (of placeholders, where there are any) has no distribution to speak of.
    return Resampled({name: values for name, values in scores.items() if len(values) == count}, count, size)


def interval(values: Sequence[float], centre: float) -> tuple[float, float]:
    """The 95 % confidence interval of a score, from its values on resamples and its value itself.

    The 2.5th and 97.5th percentile of 200 resamples or more; of fewer ``centre ± 1.96 deviations`` (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993, chapters 12 and 13).
    """
    if len(values) >= _ENOUGH:
        low, high = np.percentile(values, [2.5, 97.5])
        return float(low), float(high)
    reach = _NORMAL * float(np.std(values, ddof=1))
    return centre - reach, centre + reach


def difference_interval(first: Sequence[float], second: Sequence[float], centre: float) -> tuple[float, float] | None:
    """The 95 % confidence interval of the difference of two scores, from their values on the same resamples.

    Where one has more, as it is scored faster, those that both have are used. None without two that both have.
    """
    count = min(len(first), len(second))
    if count < 2:
        return None
    return interval(np.subtract(first[:count], second[:count]).tolist(), centre)


def paired_p_value(
    first: Sequence[tuple[float, Sequence[float]]], second: Sequence[tuple[float, Sequence[float]]], seed: int = 0
) -> float | None:
    """How likely a mean difference as large as that of two models is if there is none, two-sided.

    Each model comes as S pairs of its score and the scores of its resamples, the s-th of both on the same test split
    and the same draws. A difference resampled, ``d*_b``, is the mean over S seeds, drawn with replacement, of the
    differences in the b-th draw of examples; ``p = (1 + #{b: |d*_b - d| >= |d|}) / (1 + B)``. None without resamples.

    Source: the paired bootstrap of Koehn (2004, W04-3250), centred on the observed difference as in
    Berg-Kirkpatrick, Burkett and Klein (2012, D12-1091).
    """
    count = min((len(values) for side in (first, second) for _, values in side), default=0)
    if not count:
        return None
    observed = float(np.mean([a - b for (a, _), (b, _) in zip(first, second, strict=True)]))
    pairs = zip(first, second, strict=True)
    differences = np.array([np.subtract(one[:count], other[:count]) for (_, one), (_, other) in pairs])
    seeds, generator = len(differences), np.random.default_rng(seed)
    drawn = generator.integers(seeds, size=(count, seeds))
    # One draw of examples for all seeds: they may share a test split, whose luck more seeds do not average away.
    means = differences[drawn, np.arange(count)[:, None]].mean(1)
    return float((1 + (np.abs(means - observed) >= abs(observed) - 1e-12).sum()) / (1 + count))


def _affordable(scored: Callable[[], object], seconds: float) -> int:
    # The faster of two, since the first one pays for what is loaded and cached.
    times = []
    for _ in range(2):
        began = time.perf_counter()
        scored()
        times.append(time.perf_counter() - began)
    return next((count for count in _COUNTS if count * min(times) <= seconds), 0)
