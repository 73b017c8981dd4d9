"""A linear model of n-grams, fitted before the training, that has its share in what a head says of a text.

B batch, K n-grams of a text, F n-grams known, N training texts, O outputs of a head.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqkit.topologies.many_to_one.texts import TextItem

if TYPE_CHECKING:
    from typing_extensions import Self

_SHARE = 0.5
"""Of the regression in a score: two models that err differently, with equal votes."""
PENALTY = 0.1
"""Of the squared weights, against the sum of the losses: little, for what is too sure of itself is tempered."""
LEAST = 1e-9
"""Of a probability whose logarithm is taken"""
_FOLDS = 5
_MANY = 1_000_000
"""N-grams of all texts, for each output, from which on a single fold is left out and judged: it is large enough."""
_MOST_READ = 20_000_000
"""The same of texts that are fitted to, at most: of more texts every second, third and so on. A minute is then enough,
and where texts are so many a network has learned what their words say."""
_MOST_WEIGHTS = 1_000_000
"""Weights at most, those of the most frequent n-grams: 4 MB in a run, and seconds to fit."""
_ERRORS = 2.0
"""By how many standard errors it must know more of texts that it was not fitted to than the average of all says."""


class GramRegression(nn.Module, ABC):
    """``(1 - s) score + s (1 / √K · Σ_k v_k + b)``: the average of a network's scores and those of a linear model.

    Of logits it is the geometric mean of two probabilities. The prior of n-grams and the recurrent layer are trained
    together and err together; weights that are fitted apart from both err differently. In training it says nothing, or
    the network would learn to leave known texts to it.

    Args:
        rows: of the most frequent n-grams that have weights.
        outputs: O.
        votes: of each output, whether the regression says anything of it; None: it does of all.

    Until it is fitted, s is 0. Source of the mean: Hinton, 2002 (doi:10.1162/089976602760128018), products of experts.
    """

    has_bias: ClassVar[bool] = True
    weights: Tensor
    bias: Tensor | None
    share: Tensor
    votes: Tensor

    def __init__(self, rows: int, outputs: int, votes: Tensor | None = None) -> None:
        super().__init__()
        # The last row is for n-grams without weights, and for padding.
        self.register_buffer("weights", torch.zeros(rows + 1, outputs))
        self.register_buffer("bias", torch.zeros(outputs) if self.has_bias else None)
        self.register_buffer("share", torch.zeros(()))
        self.register_buffer("votes", torch.ones(outputs) if votes is None else votes, persistent=False)

    @classmethod
    def of(cls, ngrams: int, outputs: int) -> Self:
        """One for so many n-grams, F, the most frequent of which have weights."""
        return cls(min(ngrams, _MOST_WEIGHTS // max(1, outputs)), outputs)

    def forward(self, scores: Tensor, ngrams: Tensor, padding: int) -> Tensor:
        """Scores (B, O) of a network and numbers of n-grams (B, K), padded, to the scores of both (B, O)."""
        count = (ngrams != padding).sum(1, keepdim=True).clamp(min=1)
        rows = ngrams.clamp(max=len(self.weights) - 1)
        said = nn.functional.embedding_bag(rows, self.weights, mode="sum") / count.sqrt()
        return torch.lerp(scores, said if self.bias is None else said + self.bias, self.shares)

    @property
    def shares(self) -> Tensor:
        """Of the regression in each output, (O)."""
        return self.share * self.votes

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
        """Fits the weights to training texts; where it knows nothing of texts that are left out, it stays silent.

        Args:
            texts: N of them, with their targets.
            of_tokens: of each n-gram, F, whether it is one of tokens; those of letters get no weights.
            class_weights: of classes in the loss; None: all are 1.
        """
        used = np.flatnonzero(of_tokens[: len(self.weights) - 1])
        targets = np.array([np.asarray(text.target) for text in texts])
        # As in the loss, weights count relative to each other.
        importance = self.importance(targets, np.array([text.weight for text in texts]), class_weights)
        importance = importance / importance.mean()
        features = _features([text.ngrams for text in texts if text.ngrams is not None], len(of_tokens), used)
        if features is None:
            return
        # Of each output, though targets of labels are one number: that is what a fit reads.
        read = features.values.nnz * int(self.votes.sum())
        if read > _MOST_READ:
            chosen = np.sort(_by_target(targets)[:: -(-read // _MOST_READ)])
            features = features._replace(values=features.values[chosen])
            targets, importance = targets[chosen], importance[chosen]
        temperature = self._temperature(features.values, targets, importance)
        if not temperature:
            return
        coefficients, bias = self.solve(features.values, targets, importance)
        said = torch.from_numpy(temperature * coefficients * features.scales[:, None])
        fitted = self.votes.bool().nonzero()[:, 0]
        self.weights[torch.from_numpy(used)[:, None], fitted] = said.to(self.weights)
        if self.bias is not None:
            average = self.average(targets, importance)
            self.bias[fitted] = torch.from_numpy(average + temperature * (bias - average)).to(self.bias)
        self.take_part()

    @abstractmethod
    def importance(self, targets: Any, weights: Any, class_weights: Sequence[float] | None) -> Any:
        """How much each loss counts, of the shape of :meth:`losses`, from the weights of texts (N)."""

    @abstractmethod
    def solve(self, features: Any, targets: Any, importance: Any) -> tuple[Any, Any]:
        """Coefficients (n-grams, outputs with a vote) and bias, for sparse features (N, n-grams)."""

    @abstractmethod
    def losses(self, scores: Any, targets: Any) -> Any:
        """The losses of texts, (N), or of each of their outputs, (N, O)."""

    @abstractmethod
    def average(self, targets: Any, importance: Any) -> Any:
        """The scores that suit all texts best, without a look at them."""

    def _temperature(self, features: Any, targets: Any, importance: Any) -> float:
        """The factor of scores with which texts that were left out lose least; 0: no less than all on average do.

        With a bias it multiplies deviations from the average.
        """
        from scipy.optimize import minimize_scalar

        if len(targets) < 2 * _FOLDS:
            return 0.0
        fold = np.empty(len(targets), np.int64)
        fold[_by_target(targets)] = np.arange(len(targets)) % _FOLDS
        judged = range(_FOLDS if features.nnz * (targets.size // len(targets)) < _MANY else 1)
        average = self.average(targets, importance)
        scores = np.zeros((len(targets), len(average)))
        for number in judged:
            out = fold == number
            coefficients, bias = self.solve(features[~out], targets[~out], importance[~out])
            scores[out] = features[out] @ coefficients + bias
        seen = np.isin(fold, judged)
        scores, targets, importance = scores[seen], targets[seen], importance[seen]
        about = average if self.has_bias else np.zeros_like(average)

        def losses(scores: Any) -> Any:
            each = importance * self.losses(scores, targets)
            return each.reshape(len(targets), -1).sum(1)

        best = minimize_scalar(lambda t: losses(about + t * (scores - about)).sum(), bounds=(0, 3), method="bounded").x
        gained = losses(np.broadcast_to(average, scores.shape)) - losses(about + best * (scores - about))
        clear = gained.mean() > _ERRORS * gained.std() / np.sqrt(len(gained))
        return float(best) if clear else 0.0


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


def _by_target(targets: Any) -> Any:
    """Numbers of texts, so that of every so many every class has its share, and so have large and small numbers."""
    return np.lexsort(np.atleast_2d(targets.T))
