"""Several labels, or numbers, for a text: estimators of the task ``text``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from seqkit.config import TrainingConfig
from seqkit.data import SourceLocation, Splits, split_off
from seqkit.data.readers import LARGEST_NUMBER, LabelSetExample, NumberExample
from seqkit.errors import UsageError
from seqkit.estimators.arguments import (
    check_target,
    class_weight_setting,
    names_of,
    objects,
    same_length,
    sample_weights,
    text_inputs,
)
from seqkit.estimators.base import ClassedEstimator, SequenceEstimator
from seqkit.runs import Model
from seqkit.scores.label_sets import indicators
from seqkit.topologies.many_to_one import ManyToOne
from seqkit.topologies.many_to_one.targets import target_of

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(kw_only=True, eq=False, repr=False)
class TextEstimator(SequenceEstimator):
    """An estimator of N texts, or pairs of texts, that predicts something else of each than a class."""

    task = "text"
    topology = ManyToOne
    example: ClassVar[type[Any]] = object
    """The type of an example"""

    bidirectional: bool | None = None
    pooling: str | None = None
    embedding_size: int | None = None
    tokenizer: str | None = None
    min_count: int | None = None
    max_tokens: int | None = None
    embedding_dropout: float | None = None
    word_dropout: float | None = None

    def __sklearn_tags__(self) -> Any:
        """Inputs are texts, and there may be several targets."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.target_tags.multi_output = True
        return tags

    def _split(self, examples: Sequence[Any], config: TrainingConfig, notes: list[str]) -> Splits[Any]:
        stratum = target_of(examples[0]).stratum(examples)
        train, valid = split_off(examples, self.validation_fraction, config.seed, stratum)
        return Splits(train, valid, [])

    @classmethod
    def _restored_parameters(cls, facts: dict[str, Any], model: Model) -> dict[str, Any]:
        target = target_of(model.codec)
        if target.example is not cls.example:
            raise UsageError(f"{cls.__name__} does not load a run of --target {target.name}; name another run")
        return super()._restored_parameters(facts, model)


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceMultiLabelClassifier(ClassedEstimator, TextEstimator):
    """Any number of labels for each text, by a recurrent network: the task ``text`` with ``--target labels``.

    X is a list, array or Series of N texts, or of pairs of texts. y is a matrix (N, L) of 0 and 1, whose columns are
    the labels, or a list of N sets (or lists, or tuples) of labels. A text may have no label. Models are compared by
    F1 over all labels (micro-F1), and ``score`` is the same. The probability from which a label is predicted is tuned
    on the validation split; the option ``threshold`` says otherwise.

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, bidirectional, pooling, embedding_size: the network.
        tokenizer, min_count, max_tokens: how texts are read.
        dropout, embedding_dropout, word_dropout: what training leaves out at random.
        validation_fraction: fraction of X that is not trained on, but tells which epoch is the best.
        class_weight: how much a text that has a label counts in the loss of that label: a dict; ``"balanced"``: as much
            as all texts without it; None: 1.
        options: any other option of ``seqkit run text``, by its name.
        epochs, learning_rate, batch_size, patience, random_state, verbose: as in :class:`SequenceEstimator`.

    Attributes:
        classes_: the labels, sorted, in their own type; of a matrix, the numbers of its columns.
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    example = LabelSetExample

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on N texts with their labels, and a weight in the loss; a text with a weight of 0 is skipped.

        Raises ValueError for what is not text, set of labels or weight, for lists of different length, and if no text
        has a label.
        """
        check_target(self, y)
        inputs, (classes, sets) = text_inputs(X), label_sets(y)
        same_length(len(inputs), len(sets))
        weights = sample_weights(sample_weight, len(inputs))
        name = dict(zip(classes.tolist(), names_of(classes), strict=True))
        examples = [
            LabelSetExample(text, tuple(sorted(name[label] for label in labels)), SourceLocation("X", number), weight)
            for number, (text, labels, weight) in enumerate(zip(inputs, sets, weights, strict=True))
            if weight
        ]
        self._learn(examples, class_weight_setting(self.class_weight, classes))
        self.classes_ = classes
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Which labels each text has, (N, L) of 0 and 1 in the order of ``classes_``."""
        check_is_fitted(self)
        names = names_of(self.classes_)
        return indicators([p.labels for p in self._predictions(text_inputs(X))], names).astype(np.int64)

    def predict_sets(self, X: Any) -> list[set[Any]]:
        """The labels of each text in their own type."""
        classes = self.classes_.tolist()
        return [{label for label, has in zip(classes, row, strict=True) if has} for row in self.predict(X)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each label, (N, L) in the order of ``classes_``; 0 of one that training did not have."""
        check_is_fitted(self)
        names, rows = names_of(self.classes_), self.model_.probabilities(self._predictions(text_inputs(X)))
        return np.array([[row.get(name, 0.0) for name in names] for row in rows]).reshape(-1, len(names))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """F1 over all labels at once; y as in ``fit``."""
        from sklearn.metrics import f1_score

        predicted, (classes, sets) = self.predict(X), label_sets(y)
        truth = indicators([list(map(str, labels)) for labels in sets], list(map(str, self.classes_.tolist())))
        unknown = set(classes.tolist()) - set(self.classes_.tolist())
        if unknown:
            raise UsageError(f"y has the label {min(unknown, key=repr)!r:.80}, which fit did not have")
        return float(f1_score(truth, predicted, average="micro", sample_weight=sample_weight, zero_division=1.0))

    def _labels_of(self, example: LabelSetExample) -> Iterable[str]:
        return example.labels


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceRegressor(RegressorMixin, TextEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A number for each text, or several, by a recurrent network: the task ``text`` with ``--target number``.

    X is a list, array or Series of N texts, or of pairs of texts; y has N numbers, or N rows of K. Models are compared
    by the root of the mean squared error, several numbers by R²; ``score`` is R².

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, bidirectional, pooling, embedding_size: the network.
        tokenizer, min_count, max_tokens: how texts are read.
        dropout, embedding_dropout, word_dropout: what training leaves out at random.
        validation_fraction: fraction of X that is not trained on, but tells which epoch is the best.
        options: any other option of ``seqkit run text``, by its name, such as ``interval``.
        epochs, learning_rate, batch_size, patience, random_state, verbose: as in :class:`SequenceEstimator`.

    Attributes:
        n_outputs_: K.
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    example = NumberExample
    n_outputs_: int = field(init=False)
    _flat: bool = field(init=False)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on N texts with their numbers, and a weight in the loss; a text with a weight of 0 is skipped.

        Raises ValueError for what is not text, finite number or weight, and for lists of different length.
        """
        check_target(self, y)
        inputs, rows = text_inputs(X), numbers(y)
        same_length(len(inputs), len(rows))
        weights = sample_weights(sample_weight, len(inputs))
        columns = rows.reshape(len(rows), -1)
        names = ("y",) if columns.shape[1] == 1 else tuple(f"y{n}" for n in range(columns.shape[1]))
        self._learn(
            [
                NumberExample(text, tuple(row), names, SourceLocation("X", number), weight)
                for number, (text, row, weight) in enumerate(zip(inputs, columns.tolist(), weights, strict=True))
                if weight
            ]
        )
        self.n_outputs_, self._flat = columns.shape[1], rows.ndim == 1
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The expected number of each text, (N); (N, K) if y had such a shape."""
        check_is_fitted(self)
        rows = np.array([p.numbers for p in self._predictions(text_inputs(X))]).reshape(-1, self.n_outputs_)
        return rows[:, 0] if self._flat else rows

    def predict_interval(self, X: Any) -> np.ndarray:
        """The limits of the interval around each number, (N, 2); (N, K, 2) if y had the shape (N, K)."""
        check_is_fitted(self)
        rows = [list(zip(p.low, p.high, strict=True)) for p in self._predictions(text_inputs(X))]
        limits = np.array(rows).reshape(-1, self.n_outputs_, 2)
        return limits[:, 0] if self._flat else limits

    def _fitted_facts(self) -> dict[str, Any]:
        return {"flat": self._flat}

    def _restore_facts(self, facts: dict[str, Any]) -> None:
        self.n_outputs_ = len(self.model_.codec.scale.names)  # type: ignore[attr-defined]  # a codec of numbers
        self._flat = facts.get("flat", self.n_outputs_ == 1)


def label_sets(y: Any) -> tuple[np.ndarray, list[list[Any]]]:
    """The different labels, sorted, and those of each entry; of a matrix (N, L) of 0 and 1, the numbers of columns.

    Raises :class:`UsageError` for anything else, and if no entry has a label.
    """
    matrix = y.toarray() if hasattr(y, "toarray") else y
    array = np.asarray(matrix) if hasattr(matrix, "shape") or _is_matrix(matrix) else None
    if array is not None and array.ndim == 2:
        if not np.isin(array, (0, 1)).all():
            raise UsageError("y must be a matrix of 0 and 1, a column for each label, or a list of sets of labels")
        classes, sets = np.arange(array.shape[1]), [np.flatnonzero(row).tolist() for row in array]
    else:
        sets = [_members(entry, number) for number, entry in enumerate(y)]
        classes = _sorted({label for labels in sets for label in labels})
    if not any(sets):
        raise UsageError("no entry of y has a label; give some examples with labels")
    return classes, sets


def _is_matrix(y: Any) -> bool:
    """Whether a list of lists is a matrix of 0 and 1 rather than lists of labels."""
    rows = [row for row in y if isinstance(row, (list, tuple))] if isinstance(y, (list, tuple)) else []
    numbers = all(type(value) in (int, float, bool) and value in (0, 1) for row in rows for value in row)
    return bool(rows) and len(rows) == len(y) and len({len(row) for row in rows}) == 1 and numbers and len(rows[0]) > 0


def _members(entry: Any, number: int) -> list[Any]:
    if isinstance(entry, (str, bytes)) or not isinstance(entry, Iterable):
        raise UsageError(f"y[{number}] must be a set of labels, not {entry!r:.40}")
    return list(dict.fromkeys(entry))


def _sorted(labels: Iterable[Any]) -> np.ndarray:
    different = list(labels)
    try:
        ordered = sorted(different)
    except TypeError:
        ordered = sorted(different, key=lambda label: (type(label).__name__, repr(label)))
    simple = len({type(label) for label in ordered}) == 1 and isinstance(ordered[0], (str, int, float))
    return np.array(ordered) if simple else objects(ordered)


def numbers(y: Any) -> np.ndarray:
    """The numbers of y, (N) or (N, K) of float64; raises ValueError for what is none, or too large."""
    array: np.ndarray = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    if array.ndim not in (1, 2) or not array[:1].size:
        raise UsageError(f"y must have the shape (N) or (N, K), not {array.shape}")
    if not (np.abs(array) < LARGEST_NUMBER).all():
        raise UsageError(f"y has a number of {LARGEST_NUMBER:g} or more; scale it down")
    return array
