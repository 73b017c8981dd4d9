"""Scores of predicted numbers and of the intervals around them.

N rows, K numbers in each.
"""

from __future__ import annotations

import numpy as np

from seqkit.scores.resampling import ScoreCounts

_COUNTED = 7


def number_counts(truth: np.ndarray, predicted: np.ndarray, low: np.ndarray, high: np.ndarray) -> ScoreCounts:
    """Of each row: 1, errors and their squares, the truth and its squares, whether intervals hold it, their widths.

    The scores of a sum are, averaged over the K numbers: ``mae``, the mean of |e|; ``rmse``, the root of the mean of
    e²; ``r2 = 1 - Σ e² / Σ (y - mean y)²``, 1 of a constant truth that is predicted exactly, else 0 of it;
    ``coverage``, the fraction of the intervals that hold the truth; and ``interval_width``, their mean width.

    Args:
        truth, predicted, low, high: (N, K).
    """
    error = predicted - truth
    # R² is the same for shifted numbers, and far from 0 the squares would lose the digits that it stands on.
    shifted = truth - (truth.mean(0) if len(truth) else 0.0)
    inside = (low <= truth) & (truth <= high)
    columns = [np.ones_like(error), np.abs(error), error**2, shifted, shifted**2, inside, high - low]
    return ScoreCounts(np.concatenate(columns, 1).astype(np.float64), _scores_of)


def _scores_of(sums: np.ndarray) -> dict[str, float]:
    count, absolute, squares, total, of_squares, inside, widths = np.reshape(sums, (_COUNTED, -1))
    count = np.maximum(count, 1)
    # Rounding must not make a little spread of none.
    spread = of_squares - total**2 / count
    spread = np.where(spread > 1e-12 * of_squares, spread, 0.0)
    explained = 1 - np.divide(squares, spread, out=np.where(squares > 0, 1.0, 0.0), where=spread > 0)
    scores = {
        "mae": absolute / count,
        "rmse": np.sqrt(squares / count),
        "r2": explained,
        "coverage": inside / count,
        "interval_width": widths / count,
    }
    return {name: float(values.mean()) for name, values in scores.items()}
