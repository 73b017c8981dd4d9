"""Logistic regression of n-grams for each label of a set, with half a vote on it.

N training texts, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqkit.topologies.many_to_one.regression import LEAST, PENALTY, GramRegression


class LabelSetRegression(GramRegression):
    """A sigmoid of a linear score for each label, see :class:`GramRegression`."""

    def importance(self, targets: Any, weights: Any, class_weights: Sequence[float] | None) -> Any:
        """The weight of a text, times that of a label that it has, (N, L)."""
        having = 1.0 if class_weights is None else np.array(class_weights)
        return weights[:, None] * np.where(targets > 0, having, 1.0)

    def solve(self, features: Any, targets: Any, importance: Any) -> tuple[Any, Any]:
        """Coefficients (n-grams, L) and bias (L); of a label that all texts have, or none, there is only a bias."""
        from sklearn.linear_model import LogisticRegression

        coefficients, bias = np.zeros((features.shape[1], len(self.votes))), self.average(targets, importance)
        for label, (having, weights) in enumerate(zip(targets.T, importance.T, strict=True)):
            if having.min() < having.max():
                # An eighth of the default solver's time; the bias, which it penalises, is made to cost little.
                model = LogisticRegression(C=1 / PENALTY, solver="liblinear", intercept_scaling=5)
                model.fit(features, having, sample_weight=weights)
                coefficients[:, label], bias[label] = model.coef_[0], model.intercept_[0]
        return coefficients, bias

    def losses(self, scores: Any, targets: Any) -> Any:
        """Cross-entropy of each label, in nats, (N, L)."""
        return np.logaddexp(0, np.where(targets > 0, -scores, scores))

    def average(self, targets: Any, importance: Any) -> Any:
        """The logit of how frequent each label is."""
        shares = np.clip((importance * targets).sum(0) / importance.sum(0), LEAST, 1 - LEAST)
        return np.log(shares) - np.log(1 - shares)
