"""Many to one: a class for a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from seqkit.config import TrainingConfig
from seqkit.data import Example, SourceLocation, Splits, split_off
from seqkit.estimators.arguments import check_target, classes_of, labels, names_of, same_length, texts
from seqkit.estimators.base import ClassedEstimator

if TYPE_CHECKING:
    from typing_extensions import Self


class SequenceClassifier(ClassifierMixin, ClassedEstimator):  # type: ignore[misc]
    """A class for each text, by a recurrent network: the task ``sentiment``.

    X is a list, array or Series of N texts, y has a label for each: texts, numbers, or whatever can be hashed. Models
    are compared by accuracy, and ``score`` is accuracy.

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, bidirectional, pooling, embedding_size: the network.
        tokenizer, min_count, max_tokens: how texts are read.
        dropout, embedding_dropout, word_dropout: what training leaves out at random.
        epochs, learning_rate, batch_size, patience: the training.
        validation_fraction: part of X that tells the best epoch and is not trained on; each class keeps its share.
        options: any other option of ``seqkit run sentiment``, by its name.
        random_state: the seed; the same one gives the same weights. None draws a new one for each ``fit``.
        verbose: whether each epoch, and whatever is odd about the data, prints a line.

    Attributes:
        classes_: the labels, sorted, in their own type.
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    task = "sentiment"

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        bidirectional: bool | None = None,
        pooling: str | None = None,
        embedding_size: int | None = None,
        tokenizer: str | None = None,
        min_count: int | None = None,
        max_tokens: int | None = None,
        dropout: float | None = None,
        embedding_dropout: float | None = None,
        word_dropout: float | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        options: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        verbose: bool = False,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.embedding_size = embedding_size
        self.tokenizer = tokenizer
        self.min_count = min_count
        self.max_tokens = max_tokens
        self.dropout = dropout
        self.embedding_dropout = embedding_dropout
        self.word_dropout = word_dropout
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.options = options
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on N texts with a label each.

        Raises ValueError for what is no text or label, for lists of different length, and unless there are two classes.
        """
        check_target(self, y)
        inputs, own = texts(X), labels(y)
        same_length(len(inputs), len(own))
        classes = classes_of(own.tolist(), own.dtype)
        name = dict(zip(classes.tolist(), names_of(classes), strict=True))
        pairs = zip(inputs, own.tolist(), strict=True)
        self._learn([Example(text, name[label], SourceLocation("X", n)) for n, (text, label) in enumerate(pairs)])
        self.classes_ = classes
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each text, (N)."""
        likeliest: np.ndarray = self.predict_proba(X).argmax(1)
        chosen: np.ndarray = self.classes_[likeliest]
        return chosen

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities (N, classes) in the order of ``classes_``."""
        check_is_fitted(self)
        names, found = names_of(self.classes_), self.model_.predict_proba(texts(X))
        return np.array([[each[name] for name in names] for each in found]).reshape(-1, len(names))

    def __sklearn_tags__(self) -> Any:
        """Inputs are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags

    def _split(self, examples: Sequence[Example], config: TrainingConfig, notes: list[str]) -> Splits[Example]:
        train, valid = split_off(examples, self.validation_fraction, config.seed)
        return Splits(train, valid, [])
