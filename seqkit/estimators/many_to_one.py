"""Many to one: a class for a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from seqkit.config import TrainingConfig
from seqkit.data import Example, SourceLocation, Splits, split_off
from seqkit.estimators.arguments import (
    check_target,
    class_weight_setting,
    classes_of,
    labels,
    names_of,
    same_length,
    sample_weights,
    text_inputs,
)
from seqkit.estimators.base import ClassedEstimator
from seqkit.topologies.many_to_one import ManyToOne

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceClassifier(ClassifierMixin, ClassedEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A class for each text, by a recurrent network: the task ``sentiment``, or another of its topology.

    X is a list, array or Series of N texts, or of pairs of texts; y has a label for each: texts, numbers, or whatever
    can be hashed. Models are compared by accuracy, and ``score`` is accuracy. A subclass trains another task by its
    name::

        class LanguageClassifier(SequenceClassifier):
            task = "language"

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, bidirectional, pooling, embedding_size: the network.
        tokenizer, min_count, max_tokens: how texts are read.
        dropout, embedding_dropout, word_dropout: what training leaves out at random.
        validation_fraction: fraction of X that is not trained on, but tells which epoch is the best; each class keeps
            its share.
        class_weight: ``"balanced"``, or a dict of labels and their weights in the loss; a label that is not named
            weighs 1.
        options: any other option of ``seqkit run sentiment``, by its name.
        epochs, learning_rate, batch_size, patience, random_state, verbose: as in :class:`SequenceEstimator`.

    Attributes:
        classes_: the labels, sorted, in their own type.
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    task = "sentiment"
    topology = ManyToOne

    bidirectional: bool | None = None
    pooling: str | None = None
    embedding_size: int | None = None
    tokenizer: str | None = None
    min_count: int | None = None
    max_tokens: int | None = None
    embedding_dropout: float | None = None
    word_dropout: float | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on N texts with a label each, and a weight in the loss; a text with a weight of 0 is skipped.

        Weights change the loss, and no score that models are compared by. Raises ValueError for what is not text, label
        or weight, for lists of different length, and unless there are two classes.
        """
        check_target(self, y)
        inputs, targets = text_inputs(X), labels(y)
        same_length(len(inputs), len(targets))
        weights = sample_weights(sample_weight, len(inputs))
        rows = [row for row in enumerate(zip(inputs, targets.tolist(), weights, strict=True)) if row[1][2]]
        classes = classes_of([label for _, (_, label, _) in rows], targets.dtype)
        name = dict(zip(classes.tolist(), names_of(classes), strict=True))
        examples = [Example(text, name[label], SourceLocation("X", n), weight) for n, (text, label, weight) in rows]
        self._learn(examples, class_weight_setting(self.class_weight, classes))
        self.classes_ = classes
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The class of each text, (N): the most likely, unless the option ``threshold`` says otherwise."""
        check_is_fitted(self)
        number = {name: number for number, name in enumerate(names_of(self.classes_))}
        predictions = self._predictions(text_inputs(X))
        classes: np.ndarray = self.classes_[[number[prediction.label] for prediction in predictions]]
        return classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities (N, classes) in the order of ``classes_``."""
        check_is_fitted(self)
        names, rows = names_of(self.classes_), self.model_.probabilities(self._predictions(text_inputs(X)))
        return np.array([[row[name] for name in names] for row in rows]).reshape(-1, len(names))

    def __sklearn_tags__(self) -> Any:
        """Inputs are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags

    def _labels_of(self, example: Example) -> tuple[str, ...]:
        return (example.label,)

    def _split(self, examples: Sequence[Example], config: TrainingConfig, notes: list[str]) -> Splits[Example]:
        train, valid = split_off(examples, self.validation_fraction, config.seed)
        return Splits(train, valid, [])
