"""What the column of labels in a file says is to be predicted: a label, a set of labels, or a number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from seqkit.data.readers.columnar import COLUMNAR
from seqkit.data.readers.columns import choose_column, choose_text_columns, split_names
from seqkit.data.readers.compressed import format_ending
from seqkit.data.readers.label_sets import label_list
from seqkit.data.readers.location import SourceLocation, shown
from seqkit.data.readers.numbers import parse_finite
from seqkit.data.readers.records import PLAIN, FileForm, Record
from seqkit.data.readers.tables import FORMATS, read_records

LABEL, LABELS, NUMBER = "label", "labels", "number"
_LOOKED_AT = 2000
"""Rows at the beginning of a file that are looked at."""
_DIFFERENT = 20
"""Different decimals, at least, that are numbers rather than classes."""


def target_in(
    path: Path, text_column: str | None, label_column: str | None, notes: list[str], form: FileForm = PLAIN
) -> str:
    """What a file asks for, if its first rows leave no doubt, else a label; ``notes`` says so if it is not a label.

    - Labels: JSON, Parquet or Arrow whose values are lists, or several columns of nothing but 0 and 1.
    - A number: decimals, most of them different; or several columns of numbers.
    """
    records = list(islice(read_records(path, encoding=form.encoding, columns=form.columns), _LOOKED_AT))
    header = SourceLocation(str(path), 1)
    columns = list(records[0].values)
    # A table without texts is told of these first, as everywhere.
    choose_text_columns(columns, text_column, header)
    names = split_names(columns, label_column)
    if len(names) > 1:
        found, why = _several(records, [choose_column(columns, name, "label", header) for name in names])
    else:
        is_json = FORMATS.get(format_ending(path)) in ("jsonl", "json", *COLUMNAR)
        found, why = _single(records, choose_column(columns, label_column, "label", header), is_json)
    if found != LABEL:
        notes.append(f"{why}; choose otherwise with --target")
    return found


def _several(records: Sequence[Record], columns: Sequence[str]) -> tuple[str, str]:
    values = {values[column].strip() for _, values in records for column in columns}
    if values <= {"0", "1"}:
        return LABELS, "the columns hold 0 and 1, so each is a label that a text has or has not (--target labels)"
    return NUMBER, "there are several label columns, so each is a number to predict (--target number)"


def _single(records: Sequence[Record], column: str, is_json: bool) -> tuple[str, str]:
    values = [values[column].strip() for _, values in records]
    if is_json and all(label_list(value) is not None for value in values):
        return LABELS, f"column {shown(column)} holds lists, so a text has a set of labels (--target labels)"
    numbers = [parse_finite(value) for value in values]
    different = {number for number in numbers if number is not None}
    decimals = any(number != int(number) for number in different)
    if None not in numbers and decimals and len(different) >= max(_DIFFERENT, len(values) // 2):
        return NUMBER, f"column {shown(column)} holds mostly different decimals, so a number is predicted " + (
            "(--target number)"
        )
    return LABEL, ""
