"""Rows of numbers with a label: which columns of a table they are, and how an example holds them.

The text of an example is its numbers, separated by spaces.

N rows, F numbers in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from seqkit.data import DataError, Example, SourceLocation, read_records
from seqkit.data.inputs.vectors import parse_number
from seqkit.data.normal_forms import canonical
from seqkit.data.readers import PLAIN, FileForm, all_weights_zero, choose_column, left_out, parse_weight, shown
from seqkit.errors import UsageError

__all__ = [
    "choose_features",
    "feature_matrix",
    "header_of",
    "number_text",
    "parse_number",
    "read_vectors",
    "require_columns",
    "vector_examples",
]


def vector_examples(rows: Iterable[Sequence[float]], labels: Iterable[object], source: str) -> list[Example]:
    """Rows of numbers that are in memory as examples; row 1 is called ``source:1``."""
    pairs = zip(rows, labels, strict=True)
    return [
        Example(_format(row), str(label), SourceLocation(source, number))
        for number, (row, label) in enumerate(pairs, 1)
    ]


def read_vectors(
    path: Path,
    names: Sequence[str],
    label_column: str | None,
    weight_column: str | None = None,
    notes: list[str] | None = None,
    form: FileForm = PLAIN,
) -> list[Example]:
    """The rows of a table, their numbers in the order of ``names``, whatever the order of the columns.

    Rows with a weight of 0 are left out, and ``notes`` is given a sentence about them.

    Raises :class:`DataError` or :class:`UsageError` for a column that is not there, a label that is empty and for
    what is not a number.
    """
    examples: list[Example] = []
    weightless: list[SourceLocation] = []
    label_name = ""
    for location, values in read_records(path, encoding=form.encoding, columns=form.columns):
        if not label_name:
            header = SourceLocation(location.file, 1)
            label_name = choose_column(list(values), label_column, "label", header)
            if weight_column is not None:
                choose_column(list(values), weight_column, "weight", header)
            require_columns(names, list(values), header)
        label = canonical(values[label_name].strip())
        if not label:
            raise DataError(f"column {shown(label_name)} is empty; give the row a label or remove it", location)
        numbers = [parse_number(values[name].strip(), name, location) for name in names]
        weight = 1.0 if weight_column is None else parse_weight(values[weight_column], weight_column, location)
        if weight:
            examples.append(Example(_format(numbers), label, location, weight))
        else:
            weightless.append(location)
    if weightless and not examples:
        raise all_weights_zero(weight_column, path)
    if notes is not None:
        notes.extend(left_out(weightless, "with a weight of 0"))
    return examples


def header_of(path: Path, form: FileForm = PLAIN) -> tuple[list[str], SourceLocation]:
    """The names of a table's columns, and where they are."""
    return list(next(read_records(path, encoding=form.encoding, columns=form.columns)).values), SourceLocation(
        str(path), 1
    )


def choose_features(
    columns: Sequence[str],
    feature_columns: str | None,
    label_column: str | None,
    header: SourceLocation,
    beside: Sequence[str | None] = (),
) -> list[str]:
    """The columns of numbers: those requested, joined by commas, else all but that of the label and those ``beside``.

    Raises :class:`UsageError` if there are none, and for a column named twice, for the label's or one of ``beside``.
    """
    label = choose_column(columns, label_column, "label", header)
    if feature_columns is None:
        names = [column for column in columns if column not in (label, *beside)]
    else:
        names = [name.strip() for name in feature_columns.split(",") if name.strip()]
        if taken := [name for name in names if name in beside]:
            raise UsageError(f"--feature-columns must not name the column of weights or groups, {shown(taken[0])}")
        if label in names or len(set(names)) < len(names):
            raise UsageError(f"--feature-columns must name each column once, and not the label's, {shown(label)}")
    if not names:
        what = "there is no column of numbers beside the label; add one, or correct --feature-columns"
        raise UsageError(f"{header}: {what}")
    return names


def require_columns(names: Sequence[str], columns: Sequence[str], header: SourceLocation) -> None:
    """Raises :class:`DataError` with the first name that no column has."""
    if missing := [name for name in names if name not in columns]:
        raise DataError(f"there is no column {shown(missing[0])} for the model; add it", header)


def feature_matrix(examples: Sequence[Example]) -> np.ndarray:
    """The numbers of all examples, (N, F)."""
    return np.array([[float(number) for number in example.text.split()] for example in examples])


def number_text(text: str) -> str:
    """A vector that is written as text, in the one way in which examples hold it; raises :class:`UsageError`."""
    return _format([parse_number(number, "number") for number in text.split()])


def _format(numbers: Sequence[float]) -> str:
    # Nine digits tell any two float32 apart.
    return " ".join(f"{number:.9g}" for number in numbers)
