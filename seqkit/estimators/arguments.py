"""The arguments of ``fit`` and ``predict``: checked, and the labels of y as a model names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from seqkit.data import DataError
from seqkit.data.readers import LARGEST_WEIGHT, TextPair
from seqkit.errors import UsageError


@contextmanager
def arguments_as_data() -> Iterator[None]:
    """Inside, an error in the data is a ValueError, as scikit-learn expects of data that come as arguments."""
    try:
        yield
    except DataError as error:
        raise UsageError(str(error)) from None


def one_by_one(values: Any, name: str, kind: str) -> list[Any]:
    """The entries of a list, tuple, array or Series; ``kind`` says what they should be.

    Raises :class:`UsageError` for a single text, a table, and what has no entries.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UsageError(f"{name} must be a list of {kind}, not {_named(values)}")
    if hasattr(values, "columns"):
        raise UsageError(f"{name} is a table of {len(values.columns)} columns; give one of them: a list of {kind}")
    return list(values)


def texts(values: Any, name: str = "X") -> list[str]:
    """The texts of a list, array or Series; raises :class:`UsageError` that says which entry is none."""
    entries = one_by_one(values, name, "texts")
    for number, value in enumerate(entries):
        if not isinstance(value, str):
            raise UsageError(f"{name}[{number}] must be a text, not {_named(value)}")
    return [str(value) for value in entries]


def text_inputs(values: Any) -> list[str]:
    """The texts of X, or its pairs: tuples or lists of two texts.

    Raises :class:`UsageError` that says which entry is neither, or not what the first one is.
    """
    entries = one_by_one(values, "X", "texts, or of pairs of texts")
    if not entries or not isinstance(entries[0], (tuple, list)):
        return texts(entries)
    for number, entry in enumerate(entries):
        is_pair = isinstance(entry, (tuple, list)) and len(entry) == 2
        if not is_pair or not all(isinstance(side, str) for side in entry):
            raise UsageError(f"X[{number}] must be a pair of texts as X[0] is, not {_named(entry)}")
    return [TextPair.of(*entry) for entry in entries]


def word_lists(values: Any) -> list[tuple[str, ...]]:
    """The words of each sentence; raises :class:`UsageError` for what is not a list of texts."""
    sentences = one_by_one(values, "X", "lists of words")
    return [tuple(texts(words, f"X[{number}]")) for number, words in enumerate(sentences)]


def frames(values: Any) -> list[np.ndarray]:
    """The features (T, F) of each sequence, NaN where one is missing.

    Raises :class:`UsageError` for what is no such array, for infinite features, and unless F is the same in all.
    """
    arrays = [_frames(value, f"X[{number}]") for number, value in enumerate(one_by_one(values, "X", "arrays (T, F)"))]
    for number, array in enumerate(arrays):
        if array.shape[1] != arrays[0].shape[1]:
            sizes = f"X[0] has {arrays[0].shape[1]} features a frame, X[{number}] has {array.shape[1]}"
            raise UsageError(f"{sizes}; make them agree")
    return arrays


def _frames(value: Any, name: str) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "fiub":
        what = f"shape {array.shape} and type {array.dtype}"
        raise UsageError(f"{name} must be an array of numbers with the shape (T, F), not of {what}")
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise UsageError(f"{name} has an infinite feature; write NaN if it is missing")
    return array


def labels(y: Any) -> np.ndarray:
    """One label for each entry, (N), in its own type; raises ValueError for anything else, as scikit-learn does."""
    if not hasattr(y, "dtype") and isinstance(y, Sequence) and any(isinstance(label, tuple) for label in y):
        return objects(y)
    column: np.ndarray = column_or_1d(y, warn=True)
    assert_all_finite(column, input_name="y")
    for number, label in enumerate(column.tolist() if column.dtype.kind == "O" else ()):
        if label is None:
            raise UsageError(f"y[{number}] is None, which is not a label; leave the entry out, or give it one")
    if column.dtype.kind == "f":
        check_classification_targets(column)
    return column


def label_lists(y: Any, sizes: Sequence[int]) -> list[list[Any]]:
    """The labels of each sequence; raises :class:`UsageError` unless it has as many as steps (``sizes``).

    Numbers with fractions are no labels: ValueError, as from scikit-learn.
    """
    rows = [list(_plain(row)) for row in one_by_one(y, "y", "lists of labels")]
    same_length(len(sizes), len(rows))
    for number, (row, size) in enumerate(zip(rows, sizes, strict=True)):
        if len(row) != size:
            raise UsageError(f"X[{number}] has {size} steps but y[{number}] has {len(row)} labels; give each its own")
        for missing in (label for label in row if label is None or label != label):
            name = "None" if missing is None else "NaN"
            raise UsageError(f"y[{number}] contains {name}, which is not a label")
    every = [label for row in rows for label in row]
    if any(isinstance(label, float) for label in every) and all(isinstance(label, (int, float)) for label in every):
        check_classification_targets(np.array(every))
    return rows


def _plain(row: Any) -> Iterable[Any]:
    if isinstance(row, (str, bytes)) or not isinstance(row, Iterable):
        raise UsageError(f"y must be a list of lists of labels; it has {_named(row)} in it")
    return row.tolist() if isinstance(row, np.ndarray) else row


def same_length(inputs: int, targets: int) -> None:
    """Raises :class:`UsageError` unless there are as many targets as inputs."""
    if inputs != targets:
        raise UsageError(f"X has {inputs:,} entries but y has {targets:,}; give each entry its own")


def sample_weights(weights: Any, count: int) -> list[float]:
    """The weight of each of N entries: 1 each for None, the same for a number.

    Raises :class:`UsageError` for another number of weights, for what is not a number of 0 or more, and if all are 0.
    """
    if weights is None:
        return [1.0] * count
    try:
        array = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise UsageError("sample_weight must be a list of numbers; give a weight for each entry of X") from None
    if array.ndim == 0:
        array = np.full(count, array)
    if array.shape != (count,):
        raise UsageError(f"X has {count:,} entries but sample_weight has the shape {array.shape}; give each its own")
    # A comparison with NaN is false.
    if not ((array >= 0) & (array < LARGEST_WEIGHT)).all():
        raise UsageError("sample_weight has an entry that is not a finite number of 0 or more; correct it")
    if count and not array.any():
        raise UsageError("sample_weight is zero for every entry; give some a weight above zero")
    values: list[float] = array.tolist()
    return values


def class_weight_setting(class_weight: Any, classes: np.ndarray) -> dict[str, float] | str | None:
    """The weights of classes by their names in a model, or ``"balanced"``.

    As scikit-learn has it, a class that is not named weighs 1, and other names than those of classes are ignored
    unless a class is missing. Raises :class:`UsageError` for anything else.
    """
    if class_weight is None or (isinstance(class_weight, str) and class_weight == "balanced"):
        return class_weight
    if not isinstance(class_weight, dict):
        raise UsageError(f"class_weight must be 'balanced', a dict or None, not {class_weight!r:.80}")
    names = zip(classes.tolist(), names_of(classes), strict=True)
    weights = {name: _class_weight(label, class_weight[label]) for label, name in names if label in class_weight}
    if len(weights) < min(len(classes), len(class_weight)):
        strange = next(label for label in class_weight if label not in classes.tolist())
        raise UsageError(f"class_weight has a weight for {strange!r:.80}, which is not a class of y; remove it")
    if not any(weights.values()) and len(weights) == len(classes):
        raise UsageError("class_weight is 0 for every class; give some a weight above 0")
    return weights


def _class_weight(label: Any, weight: Any) -> float:
    is_number = isinstance(weight, (int, float, np.number)) and not isinstance(weight, bool)
    if not is_number or not 0 <= weight < LARGEST_WEIGHT:
        raise UsageError(
            f"class_weight of {label!r:.80} is {weight!r:.80}, but a weight is a finite number of 0 or more"
        )
    return float(weight)


def check_target(estimator: object, y: Any) -> None:
    """Raises ValueError where ``fit`` is called without y."""
    if y is None:
        name = type(estimator).__name__
        raise UsageError(f"{name} requires y to be passed, but the target y is None")


def classes_of(values: Iterable[Any], dtype: np.dtype[Any] | None = None) -> np.ndarray:
    """The different labels, sorted; those that cannot be compared, by their type and how they are written.

    Raises :class:`UsageError` for a label that cannot be hashed, and unless there are two classes.
    """
    try:
        different = set(values)
    except TypeError as error:
        raise UsageError(f"y has labels that cannot be compared ({error}); use texts, numbers or tuples") from None
    if len(different) < 2:
        what = f"only one class, {next(iter(different))!r:.80}" if different else "no labels"
        raise UsageError(f"y has {what}; give examples of at least two classes")
    try:
        ordered = sorted(different)
    except TypeError:
        ordered = sorted(different, key=lambda label: (type(label).__name__, repr(label)))
    simple = len({type(label) for label in ordered}) == 1 and isinstance(ordered[0], (str, int, float, np.generic))
    if dtype == np.dtype(object) or not simple:
        return objects(ordered)
    return np.array(ordered, dtype)


def names_of(classes: np.ndarray) -> list[str]:
    """The names of the classes in a model: each as a text, or all quoted if two would be the same."""
    names = [str(label) for label in classes.tolist()]
    return names if len(set(names)) == len(names) else [repr(label) for label in classes.tolist()]


def objects(values: Iterable[Any]) -> np.ndarray:
    """An array (N) of Python objects; tuples stay tuples."""
    entries = list(values)
    array = np.empty(len(entries), object)
    array[:] = entries
    return array


def _named(value: Any) -> str:
    shown = f" {value!r:.40}" if isinstance(value, (str, int, float)) else ""
    return f"{type(value).__name__}{shown}"
