"""Logistic regression of n-grams, fitted before the training, that has its share in what a head says of a label.

B batch, K n-grams of a text, F n-grams known, N training texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqkit.topologies.many_to_one.texts import TextItem

_SHARE = 0.5
"""Of the regression in a score: two models that err differently, with equal votes."""
_PENALTY = 0.1
"""Of the squared weights, against the sum of the losses: little, for what is too sure of itself is tempered."""
_FOLDS = 5
_MANY = 1_000_000
"""N-grams in all texts from which on a single fold is left out and judged: it is large enough."""
_MOST_WEIGHTS = 1_000_000
"""Weights at most, those of the most frequent n-grams: 4 MB in a run, and seconds to fit."""
_ERRORS = 2.0
"""By how many standard errors texts that it was not fitted to must be likelier than their classes' frequencies say."""


class GramRegression(nn.Module):
    """``(1 - s) score_c + s / √K · Σ_k v_kc``: the geometric mean of two models' probabilities.

    Naive Bayes and the recurrent layer are trained together and err together; weights that are fitted apart from both
    err differently. In training it says nothing, or the network would learn to leave known texts to it. Its bias is
    left out: the network knows how frequent classes are, and where few words of a text are known, the bias would vote
    against rare classes once more (nine unbalanced training splits, other texts: macro-F1 lower by 0.5 points with it,
    higher by 1.0 without).

    Args:
        rows: of the most frequent n-grams that have weights.
        classes: C.

    Until it is fitted, s is 0. Source of the mean: Hinton, 2002 (doi:10.1162/089976602760128018), products of experts.
    """

    weights: Tensor
    share: Tensor

    def __init__(self, rows: int, classes: int) -> None:
        super().__init__()
        # The last row is for n-grams without weights, and for padding.
        self.register_buffer("weights", torch.zeros(rows + 1, classes))
        self.register_buffer("share", torch.zeros(()))

    @classmethod
    def of(cls, ngrams: int, classes: int) -> GramRegression:
        """One for so many n-grams, F."""
        return cls(min(ngrams, _MOST_WEIGHTS // max(1, classes)), classes)

    def forward(self, scores: Tensor, ngrams: Tensor, padding: int) -> Tensor:
        """Scores (B, C) of a network and numbers of n-grams (B, K), padded, to the scores of both (B, C)."""
        count = (ngrams != padding).sum(1, keepdim=True).clamp(min=1)
        rows = ngrams.clamp(max=len(self.weights) - 1)
        said = nn.functional.embedding_bag(rows, self.weights, mode="sum") / count.sqrt()
        return torch.lerp(scores, said, self.share)

    @property
    def fitted(self) -> bool:
        """Whether it has learned anything."""
        return bool(self.weights.any())

    def take_part(self, part: bool = True) -> None:
        """Gives it its share in the scores, if it is fitted, or takes it away."""
        self.share.fill_(_SHARE if part and self.fitted else 0)

    @torch.no_grad()
    def fit(
        self, texts: Sequence[TextItem], of_tokens: Sequence[bool], class_weights: Sequence[float] | None = None
    ) -> None:
        """Fits the weights to training texts; where texts that are left out are no likelier for it, it stays silent.

        Args:
            texts: N of them, with the number of their class for a target.
            of_tokens: of each n-gram, F, whether it is one of tokens; those of letters get no weights.
            class_weights: of texts of each class in the loss, C; None: all are 1.
        """
        rows, classes = len(self.weights) - 1, self.weights.shape[1]
        used = np.flatnonzero(of_tokens[:rows])
        targets = np.array([text.target for text in texts])
        importance = np.array([text.weight for text in texts])
        if class_weights is not None:
            importance *= np.array(class_weights)[targets]
        # As in the loss, weights count relative to each other.
        importance /= importance.mean()
        features = _features([text.ngrams for text in texts if text.ngrams is not None], len(of_tokens), used)
        if features is None:
            return
        temperature = _temperature(features.values, targets, importance, classes)
        if not temperature:
            return
        coefficients, _ = _fit(features.values, targets, importance, classes)
        found = torch.from_numpy(temperature * coefficients * features.scales[:, None])
        self.weights[torch.from_numpy(used)] = found.to(self.weights)
        self.take_part()


class _Features(NamedTuple):
    values: Any
    """N texts × n-grams used, sparse"""
    scales: Any
    """What 1 / √K is multiplied with for each n-gram used"""


def _features(texts: Sequence[Tensor], known: int, used: Any) -> _Features | None:
    """Inverse document frequency by the root of the number of n-grams, of unit length on average; None: all are 0."""
    from scipy.sparse import csr_matrix, diags

    sizes = np.array([len(text) for text in texts])
    ends = np.concatenate([[0], sizes.cumsum()])
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    rows = torch.cat([*texts]).numpy() if len(texts) else np.zeros(0, np.int64)
    table = csr_matrix((values, rows, ends), shape=(len(texts), known))[:, used]
    frequencies = np.log((1 + len(texts)) / (1 + table.getnnz(axis=0))) + 1
    weighted = table @ diags(frequencies)
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1))).mean()
    return _Features((weighted / length).tocsr(), frequencies / length) if length > 0 else None


def _fit(features: Any, targets: Any, importance: Any, classes: int) -> tuple[Any, Any]:
    """Coefficients (n-grams, C) and bias (C); those of a class without texts are 0."""
    from sklearn.linear_model import LogisticRegression

    known = np.unique(targets)
    coefficients, bias = np.zeros((features.shape[1], classes)), np.zeros(classes)
    if len(known) < 2:
        return coefficients, bias
    model = LogisticRegression(C=1 / _PENALTY, max_iter=200)
    model.fit(features, targets, sample_weight=importance)
    if len(known) == 2:
        # scikit-learn has one row for two classes; its halves, with both signs, give the same probabilities.
        coefficients[:, known] = np.outer(model.coef_[0], [-0.5, 0.5])
        bias[known] = model.intercept_[0] * np.array([-0.5, 0.5])
    else:
        coefficients[:, known], bias[known] = model.coef_.T, model.intercept_
    return coefficients, bias


def _temperature(features: Any, targets: Any, importance: Any, classes: int) -> float:
    """The factor of scores with which texts that were left out are likeliest; 0: they are no likelier for any."""
    from scipy.optimize import minimize_scalar

    if len(targets) < 2 * _FOLDS:
        return 0.0
    # Every class has its share in every fold.
    fold = np.empty(len(targets), np.int64)
    fold[np.argsort(targets, kind="stable")] = np.arange(len(targets)) % _FOLDS
    judged = range(_FOLDS if features.nnz < _MANY else 1)
    scores = np.zeros((len(targets), classes))
    for number in judged:
        out = fold == number
        coefficients, bias = _fit(features[~out], targets[~out], importance[~out], classes)
        scores[out] = features[out] @ coefficients + bias
    seen = np.isin(fold, judged)
    scores, targets, importance = scores[seen], targets[seen], importance[seen]
    best = minimize_scalar(lambda t: importance @ _losses(t * scores, targets), bounds=(0, 3), method="bounded").x
    shares = np.bincount(targets, importance, classes) / importance.sum()
    gained = importance * (-np.log(shares[targets]) - _losses(best * scores, targets))
    clear = gained.mean() > _ERRORS * gained.std() / np.sqrt(len(gained))
    return float(best) if clear else 0.0


def _losses(scores: Any, targets: Any) -> Any:
    """Cross-entropy of each text, in nats."""
    from scipy.special import log_softmax

    return -log_softmax(scores, axis=1)[np.arange(len(targets)), targets]
