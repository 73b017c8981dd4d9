"""Labelled texts from a table, and rows of texts with whatever is predicted of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from seqkit.data.normal_forms import canonical
from seqkit.data.readers.blank import is_blank
from seqkit.data.readers.columns import choose_column, choose_text_columns, listed
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import PLAIN, FileForm
from seqkit.data.readers.tables import read_records
from seqkit.data.readers.text_pair import TextPair
from seqkit.data.readers.weights import all_weights_zero, left_out, parse_weight
from seqkit.errors import UsageError

T = TypeVar("T")
"""What a row says of its text"""
Parse = Callable[[Mapping[str, str], SourceLocation], T]
"""Reads it from the values of a row; raises :class:`DataError` where it cannot."""
Prepare = Callable[[Sequence[str], SourceLocation], Parse[T]]
"""Finds its columns among those of a table, whose header has that location."""


@dataclass(frozen=True)
class Example:
    """A text with its label, and its weight in the loss."""

    text: str
    label: str
    location: SourceLocation
    weight: float = 1.0


@dataclass(frozen=True)
class TextRow(Generic[T]):
    """A text and what is said of it: a label, a set of labels, numbers."""

    text: str
    target: T
    location: SourceLocation
    weight: float


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
    """Labelled texts, stripped of outer white space; labels in one normal form, NFC.

    Args:
        path: a file that :func:`read_records` reads.
        text_column: the column of the text; None: the one with an obvious name; two with a comma between: each text is
            a :class:`TextPair`. ``label_column`` likewise, but one.
        keep: read only the rows whose columns have these values.
        names: other names for labels.
        notes: receives sentences about rows that were left out because they have no text, or a weight of 0.
        weight_column: the column of the weights; None: every weight is 1.
        form: how the file is written.

    Raises:
        UsageError: for a column that does not exist or has no obvious name.
        DataError: for a row without a label, for what is not a weight, and if no row or no text is left.
    """
    return [*each_example(path, text_column, label_column, keep, names, notes, weight_column, form)]


def each_example(
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    keep: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    form: FileForm = PLAIN,
) -> Iterator[Example]:
    """What :func:`read_examples` reads, one after the other."""

    def prepare(columns: Sequence[str], header: SourceLocation) -> Parse[str]:
        column = choose_column(columns, label_column, "label", header)

        def parse(values: Mapping[str, str], location: SourceLocation) -> str:
            label = canonical(values[column].strip())
            if not label:
                raise DataError(f"column {shown(column)} is empty; give the row a label or remove it", location)
            return (names or {}).get(label, label)

        return parse

    rows = each_text(path, prepare, text_column, keep, notes, weight_column, form)
    return (Example(row.text, row.target, row.location, row.weight) for row in rows)


def read_texts(
    path: Path,
    prepare: Prepare[T],
    text_column: str | None = None,
    keep: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    form: FileForm = PLAIN,
) -> list[TextRow[T]]:
    """The rows of a table that have a text, with what ``prepare`` reads of each; see :func:`read_examples`."""
    return [*each_text(path, prepare, text_column, keep, notes, weight_column, form)]


def each_text(
    path: Path,
    prepare: Prepare[T],
    text_column: str | None = None,
    keep: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    form: FileForm = PLAIN,
) -> Iterator[TextRow[T]]:
    """What :func:`read_texts` reads, one after the other; ``notes`` receives its sentences at the end."""
    keep, found = keep or {}, False
    empty: list[SourceLocation] = []
    weightless: list[SourceLocation] = []
    texts: tuple[str, ...] = ()
    parse: Parse[T] | None = None
    for location, values in read_records(path, encoding=form.encoding, columns=form.columns, notes=notes):
        if parse is None:
            header = SourceLocation(location.file, 1)
            texts, parse = _columns(values, text_column, prepare, keep, header)
            if weight_column is not None:
                choose_column(list(values), weight_column, "weight", header)
        if any(values.get(column) != value for column, value in keep.items()):
            continue
        text, target = _text_of(values, texts), parse(values, location)
        weight = 1.0 if weight_column is None else parse_weight(values[weight_column], weight_column, location)
        if is_blank(text):
            empty.append(location)
        elif not weight:
            weightless.append(location)
        else:
            found = True
            yield TextRow(text, target, location, weight)
    if weightless and not found:
        raise all_weights_zero(weight_column, path)
    if not found:
        raise _nothing_left(path, keep, empty)
    if notes is not None:
        notes.extend([*left_out(empty, "without text"), *left_out(weightless, "with a weight of 0")])


def _text_of(values: Mapping[str, str], columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return values[columns[0]].strip()
    return TextPair.of(*(values[column] for column in columns))


def _columns(
    values: Mapping[str, str],
    text: str | None,
    prepare: Prepare[T],
    keep: Mapping[str, str],
    header: SourceLocation,
) -> tuple[tuple[str, ...], Parse[T]]:
    names = list(values)
    texts, parse = choose_text_columns(names, text, header), prepare(names, header)
    for column in keep:
        if column not in values:
            raise UsageError(f"{header}: no column {shown(column)} to select rows by, only {listed(names)}")
    return texts, parse


def _nothing_left(path: Path, keep: Mapping[str, str], empty: Sequence[SourceLocation]) -> DataError:
    if empty:
        what = "every text is empty; check the file, or name the text's column with --text-column"
        return DataError(what, empty[0], of_row=False)
    wanted = " and ".join(f"{shown(column)} is {shown(value)}" for column, value in keep.items())
    return DataError(f"{path}: there is no row where {wanted}; check the value")
