"""Rows of a file with the predictions for them: read, answered in order, and written in the format they came in."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO, TypeVar

from seqkit.data import DataError, SourceLocation, read_lines, read_records
from seqkit.data.readers import FORMATS, as_text, delimiter_of, json_object, shown
from seqkit.errors import SeqkitError
from seqkit.runs.model import Model
from seqkit.topologies import predict_items

T = TypeVar("T")
_ROWS = 8192
_CHARACTERS = 1 << 22
"""A window has no more rows and characters than these, so that memory does not grow with a file."""

_BREAKS = re.compile(r"[\t\r\n]")

Choose = Callable[[Sequence[str], SourceLocation], tuple[str, ...]]
"""Of the columns of a table, those of the input."""


class Row(NamedTuple):
    """An input as it was written, where it stands, and the columns it stands among."""

    text: str
    location: SourceLocation | None = None
    values: Mapping[str, Any] | None = None


class Answer(NamedTuple):
    """A row and the prediction for it."""

    row: Row
    prediction: Any


def is_table(path: Path) -> bool:
    """Whether a file's ending says that its columns have names."""
    return path.suffix.lower() in FORMATS


def read_rows(path: Path, choose: Choose, stream: BinaryIO | None = None) -> Iterator[Row]:
    """The rows of a table, or the lines of any other file; raises :class:`DataError` at the one that is broken.

    With a ``stream`` the bytes come from there, and the path is but their name.
    """
    if not is_table(path):
        yield from (Row(line, location) for location, line in read_lines(stream or path, str(path)))
        return
    columns: tuple[str, ...] = ()
    objects = FORMATS[path.suffix.lower()] == "jsonl"
    for location, values in _objects(path, stream) if objects else read_records(path, stream=stream):
        columns = columns or choose(list(values), SourceLocation(location.file, 1))
        for column in columns:
            if column not in values:
                raise DataError(f"no key {shown(column)}, which holds the input; mend the line", location)
        yield Row(" ".join(as_text(values[column], location).strip() for column in columns), location, values)


def _objects(path: Path, stream: BinaryIO | None) -> Iterator[tuple[SourceLocation, dict[str, object]]]:
    """Those of JSON as they are: a list stays a list in what is written."""
    for location, line in read_lines(stream or path, str(path)):
        if line.strip():
            yield location, json_object(line, location)


def windows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in groups small enough for memory; those before one that cannot be read come before the error."""
    window: list[Row] = []
    size = 0
    try:
        for row in rows:
            window.append(row)
            size += len(row.text)
            if len(window) == _ROWS or size > _CHARACTERS:
                yield window
                window, size = [], 0
    except SeqkitError:
        if window:
            yield window
        raise
    if window:
        yield window


def answers(
    model: Model, groups: Iterable[Sequence[Row]], say: Callable[[str], None], eager: bool = False, **options: Any
) -> Iterator[list[Answer]]:
    """The predictions for each group of rows, in order; batches by length inside.

    ``eager`` encodes a group while the one before it is predicted: for a file, whose next group does not wait for
    anybody. ``say`` is told, once, that an input was cut. Raises :class:`DataError` with the location of an input that
    cannot be, after the answers to those before it.
    """
    watch = _Cuts(model, say)
    encoded = _encoded(model, groups, watch)
    for rows, items in ahead(encoded) if eager else encoded:
        found, _ = predict_items(model.head, model.codec, items, model.config, **options)
        yield [Answer(*pair) for pair in zip(rows, found, strict=True)]


def _encoded(
    model: Model, groups: Iterable[Sequence[Row]], watch: _Cuts
) -> Iterator[tuple[Sequence[Row], Sequence[Any]]]:
    """Rows with the items made of them; those before one that cannot be come before the error."""
    for group in groups:
        items, error = list[Any](), None
        for row in group:
            try:
                value = model.task.parse_input(row.text)
                items.append(model.codec.encode(value))
            except SeqkitError as found:
                error = found if row.location is None else DataError(str(found), row.location)
                break
            watch.see(row, value, items[-1])
        yield group[: len(items)], items
        if error is not None:
            raise error


def ahead(source: Iterator[T]) -> Iterator[T]:
    """The same, each made by another thread while the one before it is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, None)
        while (found := coming.result()) is not None:
            coming = pool.submit(next, source, None)
            yield found


class _Cuts:
    """Looks for the first input that is cut: it is none shorter than every one before it."""

    def __init__(self, model: Model, say: Callable[[str], None]) -> None:
        self.model, self.say = model, say
        self.longest: int | None = 1

    def see(self, row: Row, value: Any, item: Any) -> None:
        """One input, and the item made of it."""
        length = self.model.codec.length(item)
        if self.longest is None or length < self.longest:
            return
        self.longest = length
        account = self.model.codec.encoding_report(value)
        if account and account.cut:
            where = f"{row.location}: " if row.location else ""
            self.say(
                f"{where}the input has {account.symbols:,} tokens, of which the model reads the first "
                f"{account.symbols - account.cut:,}; longer ones are cut alike, without a word"
            )
            self.longest = None


class Writer:
    """Writes answers, each as it is to be read: on a line, as JSON, or as a row of a table.

    Args:
        show: of the task: a prediction as a line, and as facts.
        file: written to, and flushed after each group of answers.
    """

    def __init__(self, show: Callable[[Any], tuple[str, dict[str, Any]]], file: TextIO) -> None:
        self.show, self.file = show, file

    def write(self, answers: Iterable[Answer]) -> None:
        """Some answers, in order."""
        for row, prediction in answers:
            self.row(row, *self.show(prediction))
        self.file.flush()

    def row(self, row: Row, line: str, facts: dict[str, Any]) -> None:
        """The line of a prediction, a tab and the input."""
        self.file.write(f"{line}\t{_writable(row.text)}\n")


class JsonWriter(Writer):
    """An object a line: the input and all that is known."""

    def row(self, row: Row, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        self.file.write(json.dumps({"input": _writable(row.text), **facts}, ensure_ascii=False) + "\n")


class JsonRowWriter(Writer):
    """An object a line: the row as it was, and facts whose names begin with ``predicted_``."""

    def row(self, row: Row, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        found = {f"predicted_{name}": value for name, value in facts.items()}
        self.file.write(json.dumps({**(row.values or {}), **found}, ensure_ascii=False) + "\n")


class TableWriter(Writer):
    """The row as it was, and a column for each fact, ``predicted_label`` as it may be; of a mapping one for each key.

    Lists are written as JSON. Without a delimiter it is a TSV, which has no quotes: tabs and line breaks become spaces.
    """

    def __init__(
        self, show: Callable[[Any], tuple[str, dict[str, Any]]], file: TextIO, delimiter: str | None = None
    ) -> None:
        super().__init__(show, file)
        self.delimiter = delimiter
        self._csv = csv.writer(file, delimiter=delimiter or "\t", lineterminator="\n")
        self._columns: list[str] = []

    def row(self, row: Row, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        own, found = row.values or {}, _flat(facts)
        if not self._columns:
            self._columns = list(found)
            self._cells([*own, *self._columns])
        self._cells([*own.values(), *(found.get(column, "") for column in self._columns)])

    def _cells(self, cells: Sequence[Any]) -> None:
        if self.delimiter:
            self._csv.writerow(cells)
        else:
            self.file.write("\t".join(_BREAKS.sub(" ", str(cell)) for cell in cells) + "\n")


def writer_for(
    path: Path | None, show: Callable[[Any], tuple[str, dict[str, Any]]], file: TextIO, stream: BinaryIO | None = None
) -> Writer:
    """The writer of the format that a table has; of None, or any other file, that of lines.

    With a ``stream`` the table comes from there, and the path is but its name.
    """
    kind = None if path is None else FORMATS.get(path.suffix.lower())
    if path is None or kind is None:
        return Writer(show, file)
    if kind == "jsonl":
        return JsonRowWriter(show, file)
    if stream is None:
        first = next(read_lines(path), (None, ""))[1]
    else:
        # What has arrived stays to be read: the line of names, unless somebody writes that in pieces.
        arrived = stream.peek() if isinstance(stream, BufferedReader) else b""
        first = arrived.partition(b"\n")[0].decode("utf-8", "replace")
    return TableWriter(show, file, delimiter_of(first) if kind == "csv" else None)


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            found.update({f"predicted_{name}.{key}": one for key, one in value.items()})
        else:
            plain = value is None or isinstance(value, (str, int, float))
            found[f"predicted_{name}"] = value if plain else json.dumps(value, ensure_ascii=False)
    return found


def _writable(text: str) -> str:
    """The text, with the stand-ins for bytes of a command line that are no UTF-8 as question marks."""
    return text.encode("utf-8", "replace").decode()
