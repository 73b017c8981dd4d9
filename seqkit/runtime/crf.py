"""The most likely labellings of a linear-chain CRF, and the probability of each label: see :class:`seqkit.layers.CRF`.

T steps, K labels, N labellings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqkit.errors import UsageError
from seqkit.runtime.arrays import Array

_FORBIDDEN = -1e4
"""How the export writes a score of what may not be"""


class Chain:
    """A CRF for one sentence at a time, in float64.

    Args:
        scores: ``transitions`` (K, K) from row to column, ``start`` and ``end`` (K).
    """

    def __init__(self, scores: Mapping[str, Sequence[Any]]) -> None:
        self.transitions, self.start, self.end = (_allowed(scores[name]) for name in ("transitions", "start", "end"))

    def marginals(self, logits: Array) -> tuple[Array, float]:
        """``p(y_t = k | x)`` (T, K) for logits (T, K), and ``log Σ_y exp s(x, y)``.

        Raises :class:`UsageError` where the limits leave no labelling of this length.
        """
        steps = logits.astype(np.float64)
        if not len(steps):
            return steps, 0.0
        forward, backward = [self.start + steps[0]], [self.end]
        for step in steps[1:]:
            forward.append(_log_sum(forward[-1][:, None] + self.transitions, 0) + step)
        for step in steps[:0:-1]:
            backward.append(_log_sum(self.transitions + (step + backward[-1]), 1))
        log_sum = float(_log_sum(forward[-1] + self.end, 0))
        if log_sum == -np.inf:
            raise UsageError(f"the limits of the CRF leave no labelling of length {len(steps)}; allow more")
        return np.exp(np.stack(forward) + np.stack(backward[::-1]) - log_sum), log_sum

    def decode(self, logits: Array, log_sum: float, n_best: int) -> list[tuple[list[int], float]]:
        """The most likely labellings, ``n_best`` at most, the best first, each with its log-probability."""
        if not len(logits):
            return [([], 0.0)]
        steps, size = logits.astype(np.float64), len(self.start)
        scores = np.full((n_best, size), -np.inf)
        scores[0] = self.start + steps[0]
        sources = []
        for step in steps[1:]:
            ways = (scores[:, :, None] + self.transitions).reshape(n_best * size, size)
            order = np.argsort(-ways, 0, kind="stable")[:n_best]
            scores = np.take_along_axis(ways, order, 0) + step
            sources.append(order.reshape(-1))
        ending = (scores + self.end).reshape(-1)
        best = np.argsort(-ending, kind="stable")[:n_best]
        return [
            (_path(sources, int(place), size), float(ending[place]) - log_sum)
            for place in best
            if ending[place] > -np.inf
        ]


def _path(sources: Sequence[Array], place: int, size: int) -> list[int]:
    """The labels that lead to a place, (rank, label) as one number."""
    labels = [place % size]
    for source in reversed(sources):
        place = int(source[place])
        labels.append(place % size)
    return labels[::-1]


def _allowed(values: Sequence[Any]) -> Array:
    scores = np.array(values, np.float64)
    return np.where(scores <= _FORBIDDEN, -np.inf, scores)


def _log_sum(values: Array, axis: int) -> Array:
    """``log Σ exp``, of which nothing but -inf is -inf."""
    most = np.maximum(values.max(axis, keepdims=True), -1e300)
    with np.errstate(divide="ignore"):
        found: Array = np.log(np.exp(values - most).sum(axis)) + most.squeeze(axis)
    return found
