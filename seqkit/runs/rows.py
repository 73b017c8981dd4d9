"""The rows of a file or a stream that are to be predicted, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from seqkit.data import DataError, SourceLocation, read_lines, read_records
from seqkit.data.readers import FORMATS, PLAIN, FileForm, as_text, format_ending, json_object, shown
from seqkit.data.readers.json_array import checked_object, json_elements
from seqkit.errors import SeqkitError

_ROWS = 8192
_CHARACTERS = 1 << 22
"""A window has no more rows and characters than these, so that memory does not grow with a file; yet it has rows enough
to be batched by length with little padding."""

T = TypeVar("T")
ChooseColumns = Callable[[Sequence[str], SourceLocation], tuple[str, ...]]
"""Of the columns of a table, those of the input; takes the location of the header, too, for errors."""
JoinColumns = Callable[[Sequence[str]], str]
"""The input that the values of these columns make: ``Task.join_columns``."""


class InputRow(NamedTuple):
    """An input as it was written, its location, and the row of the table that it comes from."""

    text: str
    location: SourceLocation | None = None
    values: Mapping[str, Any] | None = None


def is_table(path: Path) -> bool:
    """Whether a file's ending says that its columns have names; a folder of texts has some, too."""
    return format_ending(path) in FORMATS or path.is_dir()


def read_rows(
    path: Path,
    choose: ChooseColumns,
    stream: BinaryIO | None = None,
    form: FileForm = PLAIN,
    join: JoinColumns = " ".join,
) -> Iterator[InputRow]:
    """The rows of a table, or the lines of any other file; raises :class:`DataError` at the one that is broken.

    With a ``stream`` the bytes come from there, and the path is only their name. ``form`` says how the file is written.
    """
    if not (is_table(path) or form.columns):
        lines = read_lines(stream or path, str(path), encoding=form.encoding)
        yield from (InputRow(line, location) for location, line in lines)
        return
    columns: tuple[str, ...] = ()
    for location, values in _read_objects(path, stream, form):
        columns = columns or choose(list(values), SourceLocation(location.file, 1))
        for column in columns:
            if column not in values:
                raise DataError(f"no key {shown(column)}, which holds the input; correct the line", location)
        yield InputRow(join([_as_text(values[column], location) for column in columns]), location, values)


def _as_text(value: object, location: SourceLocation) -> str:
    # A list without elements is as blank as a text without characters.
    return "" if value == [] else as_text(value, location).strip()


def _read_objects(
    path: Path, stream: BinaryIO | None, form: FileForm
) -> Iterator[tuple[SourceLocation, Mapping[str, object]]]:
    """The rows of a table; those of JSON with their types, which ``read_records`` turns into texts."""
    if stream is None and path.is_dir():
        yield from read_records(path, encoding=form.encoding)
        return
    kind = FORMATS.get(format_ending(path), "tsv")
    lines = read_lines(stream or path, str(path), encoding=form.encoding)
    if kind == "json":
        yield from ((location, checked_object(value, location)) for location, value in json_elements(path, lines))
    elif kind == "jsonl":
        yield from ((location, json_object(line, location)) for location, line in lines if line.strip())
    else:
        yield from read_records(path, stream=stream, encoding=form.encoding, form=kind, columns=form.columns)


def windows(rows: Iterable[InputRow]) -> Iterator[list[InputRow]]:
    """Rows in groups small enough for memory; those before one that cannot be read come before the error."""
    yield from grouped(rows, _ROWS, lambda row: len(row.text), _CHARACTERS)


def grouped(
    items: Iterable[T], most: int, size: Callable[[T], int] = lambda item: 0, largest: int = 0
) -> Iterator[list[T]]:
    """Items in groups, each of which ends with ``most`` items, or once their sizes add up to more than ``largest``.

    Those before one that cannot be read come before the error.
    """
    group, total = list[T](), 0
    try:
        for item in items:
            group.append(item)
            total += size(item)
            if len(group) == most or total > largest:
                yield group
                group, total = [], 0
    except SeqkitError:
        if group:
            yield group
        raise
    if group:
        yield group


def is_whole(window: Sequence[InputRow]) -> bool:
    """Whether it is as large as :func:`windows` makes them, so that the next one begins where it always does."""
    return len(window) == _ROWS or sum(len(row.text) for row in window) > _CHARACTERS
