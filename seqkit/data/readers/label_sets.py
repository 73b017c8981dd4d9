"""Texts with a set of labels each: a column of lists or of joined labels, or a column of 0 and 1 for each label."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from seqkit.data.normal_forms import canonical
from seqkit.data.readers.columns import choose_column, split_names
from seqkit.data.readers.examples import Parse, Prepare, each_text, read_texts
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import PLAIN, FileForm

_MARKS = ("|", ";", ",")
"""What may join labels; the first of them that a file has is it."""
_LOOKED_AT = 20_000
"""Rows of a file that is not read as a whole, which show the mark."""
_YES, _NO = frozenset({"1", "1.0", "true", "yes"}), frozenset({"", "0", "0.0", "false", "no"})


@dataclass(frozen=True)
class LabelSetExample:
    """A text with its labels, sorted and each once; there may be none."""

    text: str
    labels: tuple[str, ...]
    location: SourceLocation
    weight: float = 1.0


def read_label_sets(
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    separator: str | None = None,
    form: FileForm = PLAIN,
) -> list[LabelSetExample]:
    """Texts with a set of labels each.

    Args:
        path, text_column, notes, weight_column, form: as of :func:`read_examples`.
        label_column: one column: of lists (of JSON, or as Python writes them), or of labels with a mark between; an
            empty one is a text without labels. Several with commas between: each is a label, 1 where a text has it and
            0 or nothing where it has not. None: the column with an obvious name.
        separator: the mark between labels; None: ``|`` if the column has one anywhere, else ``;``, else ``,``.

    Raises as :func:`read_examples` does, for a list of anything but texts, for what is neither 0 nor 1, and if no text
    has a label.
    """
    rows = read_texts(path, _preparing(label_column), text_column, None, notes, weight_column, form)
    mark = separator or common_mark([row.target for row in rows if isinstance(row.target, str)])
    examples = [LabelSetExample(row.text, split_labels(row.target, mark), row.location, row.weight) for row in rows]
    if not any(example.labels for example in examples):
        raise DataError(f"{path}: no text has a label; check the column, or name another with --label-column")
    return examples


def each_label_set(
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
    separator: str | None = None,
    form: FileForm = PLAIN,
) -> Iterator[LabelSetExample]:
    """What :func:`read_label_sets` reads, one after the other; the mark between labels is that of the first rows."""
    rows = each_text(path, _preparing(label_column), text_column, None, notes, weight_column, form)
    first = list(islice(rows, _LOOKED_AT))
    mark = separator or common_mark([row.target for row in first if isinstance(row.target, str)])
    for row in chain(first, rows):
        yield LabelSetExample(row.text, split_labels(row.target, mark), row.location, row.weight)


def mark_in(path: Path, text_column: str | None, label_column: str | None, form: FileForm = PLAIN) -> str:
    """What separates labels in the first rows of a file."""
    rows = islice(each_text(path, _preparing(label_column), text_column, form=form), _LOOKED_AT)
    return common_mark([row.target for row in rows if isinstance(row.target, str)])


def _preparing(label_column: str | None) -> Prepare[tuple[str, ...] | str]:
    def prepare(columns: Sequence[str], header: SourceLocation) -> Parse[tuple[str, ...] | str]:
        names = split_names(columns, label_column)
        if len(names) > 1:
            several = [choose_column(columns, name, "label", header) for name in names]
            return lambda values, location: marked_columns(values, several, location)
        column = choose_column(columns, label_column, "label", header)
        return lambda values, location: _listed(values[column], column, location)

    return prepare


def label_list(text: str) -> list[object] | None:
    """The values of a list of JSON, or as Python writes it (pandas saves lists so); None for any other text."""
    if not text.startswith("["):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list):
            return value
    return None


def _listed(value: str, column: str, location: SourceLocation) -> tuple[str, ...] | str:
    """The labels of a list; the text itself where it is none."""
    text = value.strip()
    labels = label_list(text)
    if labels is None:
        return text
    for label in labels:
        if not isinstance(label, str) or not label.strip():
            what = f"the list in column {shown(column)} has {label!r:.40} in it, but a label is a text"
            raise DataError(f'{what}; write ["{label or "…"}"]', location)
    return tuple(str(label).strip() for label in labels)


def marked_columns(values: Mapping[str, str], columns: Sequence[str], location: SourceLocation) -> tuple[str, ...]:
    """The columns in which a row has 1; raises :class:`DataError` for what is neither that nor 0 nor nothing."""
    found = []
    for column in columns:
        value = values[column].strip().lower()
        if value in _YES:
            found.append(canonical(column))
        elif value not in _NO:
            what = f"column {shown(column)} is {shown(values[column])}"
            raise DataError(f"{what}, but of several label columns each says 1 or 0; correct the row", location)
    return tuple(found)


def common_mark(texts: Sequence[str]) -> str:
    """What separates labels in these texts."""
    return next((mark for mark in _MARKS if any(mark in text for text in texts)), _MARKS[0])


def split_labels(target: tuple[str, ...] | str, mark: str) -> tuple[str, ...]:
    """The labels of a list, or of a text that has them with a mark between: sorted, each once."""
    labels = target.split(mark) if isinstance(target, str) else target
    return tuple(sorted({canonical(label.strip()) for label in labels} - {""}))
