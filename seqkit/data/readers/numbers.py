"""Texts with a number each, or several: prices, ratings, durations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqkit.data.readers.columns import choose_column, split_names
from seqkit.data.readers.examples import Parse, each_text
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import PLAIN, FileForm

LARGEST_NUMBER = 1e30
"""A number to predict is below it: squares of larger ones overflow in float32."""


@dataclass(frozen=True)
class NumberExample:
    """A text with its numbers, in the order of ``names``, which are those of their columns."""

    text: str
    numbers: tuple[float, ...]
    names: tuple[str, ...]
    location: SourceLocation
    weight: float = 1.0


def read_number_examples(
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    form: FileForm = PLAIN,
) -> list[NumberExample]:
    """Texts with numbers.

    Args:
        path, text_column, notes, weight_column, form: as of :func:`read_examples`.
        label_column: the column of the number, or several with commas between; None: the one with an obvious name.

    Raises as :func:`read_examples` does, and :class:`DataError` with file:line for what is not a finite number.
    """
    return [*each_number_example(path, text_column, label_column, notes, weight_column, form)]


def each_number_example(
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    form: FileForm = PLAIN,
) -> Iterator[NumberExample]:
    """What :func:`read_number_examples` reads, one after the other."""
    columns: list[str] = []

    def prepare(names: Sequence[str], header: SourceLocation) -> Parse[tuple[float, ...]]:
        several = split_names(names, label_column)
        wanted: Sequence[str | None] = several if len(several) > 1 else [label_column]
        columns.extend(choose_column(names, name, "label", header) for name in wanted)
        return lambda values, location: _numbers(values, columns, location)

    rows = each_text(path, prepare, text_column, None, notes, weight_column, form)
    return (NumberExample(row.text, row.target, tuple(columns), row.location, row.weight) for row in rows)


def parse_finite(text: str) -> float | None:
    """The number that a text writes; None for any other text, and for one that is not finite or above 1e30."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads 1_000 as a number, nobody else does.
    return value if abs(value) < LARGEST_NUMBER and "_" not in text else None


def _numbers(values: Mapping[str, str], columns: Sequence[str], location: SourceLocation) -> tuple[float, ...]:
    return tuple(_number(values[column], column, location) for column in columns)


def _number(text: str, column: str, location: SourceLocation) -> float:
    number = parse_finite(text.strip())
    if number is None:
        what = f"is {shown(text.strip())}" if text.strip() else "is empty"
        mend = "correct it or remove the row"
        raise DataError(f"column {shown(column)} {what}, but a finite number is predicted; {mend}", location)
    return number
