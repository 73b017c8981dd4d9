"""Logistic regression of n-grams, with half a vote on the label of a text.

N training texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqkit.topologies.many_to_one.regression import LEAST, PENALTY, GramRegression


class LabelRegression(GramRegression):
    """A softmax of linear scores; its share in a head's scores is the geometric mean of two models' probabilities.

    Its bias is left out: the network knows how frequent classes are, and where few words of a text are known, the bias
    would vote against rare classes once more (nine unbalanced training splits, other texts: macro-F1 lower by 0.5
    points with it, higher by 1.0 without).
    """

    has_bias = False

    def importance(self, targets: Any, weights: Any, class_weights: Sequence[float] | None) -> Any:
        """See :class:`GramRegression`: the weight of a text times that of its class, (N)."""
        return weights if class_weights is None else weights * np.array(class_weights)[targets]

    def solve(self, features: Any, targets: Any, importance: Any) -> tuple[Any, Any]:
        """Coefficients (n-grams, C) and bias (C); those of a class without texts are 0.

        All are 0 if there is one class alone, or less than two texts for a class: nothing is to be learned there.
        """
        from sklearn.linear_model import LogisticRegression

        known = np.unique(targets)
        coefficients, bias = np.zeros((features.shape[1], len(self.votes))), np.zeros(len(self.votes))
        if not 2 <= len(known) <= len(targets) / 2:
            return coefficients, bias
        # Newton's method is as near to the optimum as L-BFGS at the same tolerance, in a fifth to a tenth of the time:
        # 4 iterations where that needs 100, of vectors as long as all classes have weights.
        model = LogisticRegression(C=1 / PENALTY, solver="newton-cg", max_iter=200)
        model.fit(features, targets, sample_weight=importance)
        if len(known) == 2:
            # scikit-learn has one row for two classes; its halves, with both signs, give the same probabilities.
            coefficients[:, known] = np.outer(model.coef_[0], [-0.5, 0.5])
            bias[known] = model.intercept_[0] * np.array([-0.5, 0.5])
        else:
            coefficients[:, known], bias[known] = model.coef_.T, model.intercept_
        return coefficients, bias

    def losses(self, scores: Any, targets: Any) -> Any:
        """Cross-entropy of each text, in nats."""
        from scipy.special import log_softmax

        return -log_softmax(scores, axis=1)[np.arange(len(targets)), targets]

    def average(self, targets: Any, importance: Any) -> Any:
        """``log N_c / N``, from 1e-9 on."""
        shares = np.bincount(targets, importance, len(self.votes)) / importance.sum()
        return np.log(np.maximum(shares, LEAST))
