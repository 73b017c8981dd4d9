"""Ridge regression of n-grams, with half a vote on the numbers of a text.

N training texts, M numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from seqkit.topologies.many_to_one.regression import GramRegression

_PENALTY = 1.0
"""Of the squared weights, against the sum of the squared errors of scaled numbers"""


class NumberRegression(GramRegression):
    """A linear score for each number, see :class:`GramRegression`; of the outputs of intervals it says nothing.

    Args:
        rows: of the most frequent n-grams that have weights.
        numbers: M; the head has outputs for as many means, and then 2M others.
    """

    def __init__(self, rows: int, numbers: int) -> None:
        super().__init__(rows, 3 * numbers, torch.tensor([1.0, 0.0, 0.0]).repeat_interleave(numbers))

    def importance(self, targets: Any, weights: Any, class_weights: Sequence[float] | None) -> Any:
        """The weight of a text, (N)."""
        return weights

    def solve(self, features: Any, targets: Any, importance: Any) -> tuple[Any, Any]:
        """Coefficients (n-grams, M) and bias (M)."""
        from sklearn.linear_model import Ridge

        model = Ridge(_PENALTY).fit(features, targets, sample_weight=importance)
        return model.coef_.reshape(targets.shape[1], -1).T, np.reshape(model.intercept_, -1)

    def losses(self, scores: Any, targets: Any) -> Any:
        """Squared errors, on average over the numbers, (N)."""
        return ((scores - targets) ** 2).mean(1)

    def average(self, targets: Any, importance: Any) -> Any:
        """That of the numbers."""
        return importance @ targets / importance.sum()
