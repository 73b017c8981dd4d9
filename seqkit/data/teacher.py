"""Probabilities of labels as people have them: a table with a row for each text, from whatever made them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import DataError, SourceLocation, read_records, shown
from seqkit.errors import UsageError

_PREFIXES = ("", "probabilities.", "predicted_probabilities.")
"""What comes before a label in the name of its column: nothing, or what `seqkit predict` writes there"""
_OBJECTS = ("probabilities", "predicted_probabilities")
"""Keys of JSON that hold the probabilities of all labels, as `seqkit predict` writes them"""
_ROUNDING = 0.02
"""How far from 1 a sum may be: that of fifty labels with three decimals"""

Probabilities = dict[str, list[float]]
"""Of a text, those of all labels"""
Columns = Callable[[Sequence[str], SourceLocation], Sequence[str]]
"""Of the columns of a table, those that make an input; takes the location of the header, too, for errors."""


def read_probabilities(path: Path, labels: Sequence[str], columns: Columns, key: Callable[[str], str]) -> Probabilities:
    """The probabilities of labels, in their order, for each text of a CSV, TSV or JSONL file.

    They are in columns named as the labels, or in JSON under ``probabilities``: what ``seqkit predict`` writes. A text
    that occurs several times has the average.

    Args:
        path: the file.
        labels: K names.
        columns: which columns make a text, where none is called ``input``.
        key: a text to what it is looked up by.

    Raises:
        UsageError: if a label has no column.
        DataError: at the row, for what are not probabilities.
    """
    found: dict[str, list[list[float]]] = {}
    inputs: Sequence[str] = ()
    for location, values in read_records(path):
        if not inputs:
            header = SourceLocation(location.file, 1)
            inputs = ["input"] if "input" in values else columns(list(values), header)
        text = " ".join(values[name].strip() for name in inputs)
        if not text:
            # Predictions of a file keep the place of a blank input, without probabilities.
            continue
        named = {canonical(name): value for name, value in values.items()}
        row = _checked(_values_of(named, [canonical(label) for label in labels], location), labels, location)
        found.setdefault(key(text), []).append(row)
    return {text: _average(rows) for text, rows in found.items()}


def _values_of(values: Mapping[str, str], labels: Sequence[str], location: SourceLocation) -> Sequence[Any]:
    for prefix in _PREFIXES:
        if all(prefix + label in values for label in labels):
            return [values[prefix + label] for label in labels]
    for name in _OBJECTS:
        if name in values:
            return _values_of_json(values[name], name, labels, location)
    missing = next((label for label in labels if label not in values), labels[0])
    raise UsageError(
        f"{SourceLocation(location.file, 1)}: no probability of label {shown(missing)}; name a column after each "
        'label, or give JSON with {"probabilities": {"label": 0.9, …}}'
    )


def _values_of_json(text: str, name: str, labels: Sequence[str], location: SourceLocation) -> Sequence[Any]:
    try:
        pairs = json.loads(text)
    except ValueError:
        pairs = None
    if not isinstance(pairs, dict):
        raise DataError(f"{name} is not an object of labels and probabilities; correct it", location)
    pairs = {canonical(label): value for label, value in pairs.items()}
    for label in (*labels, *pairs):
        if label not in pairs or label not in labels:
            whose = "the teacher does not know" if label not in pairs else "is not in the training split"
            raise DataError(f"label {shown(label)} {whose}; teacher and student need the same labels", location)
    return [pairs[label] for label in labels]


def _checked(values: Sequence[Any], labels: Sequence[str], location: SourceLocation) -> list[float]:
    row = [_probability(value, label, location) for value, label in zip(values, labels, strict=True)]
    total = sum(row)
    if abs(total - 1) > _ROUNDING:
        raise DataError(f"the probabilities of the labels sum to {total:.3g}, not to 1; correct them", location)
    return [value / total for value in row]


def _probability(value: Any, label: str, location: SourceLocation) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1 + _ROUNDING:
        raise DataError(f"{shown(str(value))} is not a probability of label {shown(label)}; correct it", location)
    return number


def _average(rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
