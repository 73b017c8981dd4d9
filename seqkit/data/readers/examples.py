"""Labelled texts from a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqkit.data.readers.columns import choose_column, listed
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import PLAIN, FileForm
from seqkit.data.readers.tables import read_records
from seqkit.data.readers.weights import all_weights_zero, left_out, parse_weight
from seqkit.errors import UsageError


@dataclass(frozen=True)
class Example:
    """A text with its label, and its weight in the loss."""

    text: str
    label: str
    location: SourceLocation
    weight: float = 1.0


def read_examples(
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    keep: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    form: FileForm = PLAIN,
) -> list[Example]:
    """Labelled texts, stripped of outer white space.

    Args:
        path: a file that :func:`read_records` reads.
        text_column: the column of the text; None: the one with an obvious name. ``label_column`` likewise.
        keep: read only the rows whose columns have these values.
        names: other names for labels.
        notes: receives sentences about rows that were left out because they have no text, or a weight of 0.
        weight_column: the column of the weights; None: every weight is 1.
        form: how the file is written.

    Raises:
        UsageError: for a column that does not exist or has no obvious name.
        DataError: for a row without a label, for what is no weight, and if no row or no text is left.
    """
    keep = keep or {}
    examples: list[Example] = []
    empty: list[SourceLocation] = []
    weightless: list[SourceLocation] = []
    columns: tuple[str, str] | None = None
    for location, values in read_records(path, encoding=form.encoding, columns=form.columns):
        if columns is None:
            header = SourceLocation(location.file, 1)
            columns = _columns(values, text_column, label_column, keep, header)
            if weight_column is not None:
                choose_column(list(values), weight_column, "weight", header)
        if any(values.get(column) != value for column, value in keep.items()):
            continue
        text, label = (values[column].strip() for column in columns)
        if not label:
            raise DataError(f"column {shown(columns[1])} is empty; give the row a label or take it out", location)
        weight = 1.0 if weight_column is None else parse_weight(values[weight_column], weight_column, location)
        if not text:
            empty.append(location)
        elif not weight:
            weightless.append(location)
        else:
            examples.append(Example(text, (names or {}).get(label, label), location, weight))
    if weightless and not examples:
        raise all_weights_zero(weight_column, path)
    if not examples:
        raise _nothing_left(path, keep, bool(empty))
    if notes is not None:
        notes.extend([*left_out(empty, "without text"), *left_out(weightless, "with a weight of 0")])
    return examples


def _columns(
    values: Mapping[str, str], text: str | None, label: str | None, keep: Mapping[str, str], header: SourceLocation
) -> tuple[str, str]:
    names = list(values)
    columns = choose_column(names, text, "text", header), choose_column(names, label, "label", header)
    for column in keep:
        if column not in values:
            raise UsageError(f"{header}: no column {shown(column)} to select rows by, only {listed(names)}")
    return columns


def _nothing_left(path: Path, keep: Mapping[str, str], has_rows: bool) -> DataError:
    if has_rows:
        return DataError(f"{path}: every text is empty; check the file, or name the text's column with --text-column")
    wanted = " and ".join(f"{shown(column)} is {shown(value)}" for column, value in keep.items())
    return DataError(f"{path}: there is no row where {wanted}; check the value")
