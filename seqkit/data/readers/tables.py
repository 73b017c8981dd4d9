"""Tables with named columns, read row by row: CSV, TSV and JSONL."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from seqkit.data.readers.compressed import format_ending
from seqkit.data.readers.json_lines import as_text, json_object
from seqkit.data.readers.lines import MAX_LINE, Broken, Lines, read_lines, report
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.errors import UsageError

FORMATS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""Endings of the names of tables, and what they mean."""


class Record(NamedTuple):
    """One row: column name to value, and where the row starts."""

    location: SourceLocation
    values: dict[str, str]


def read_records(
    path: Path, broken: Broken | None = None, stream: BinaryIO | None = None, encoding: str | None = None
) -> Iterator[Record]:
    """The rows of a table with named columns, one at a time; the ending of the file decides its format.

    ``.csv``: commas (or semicolons, if the first line has no comma), quotes as in RFC 4180. ``.tsv``, ``.tab``:
    a tab separates, a line is a row, quotes are ordinary characters. ``.jsonl``, ``.ndjson``: an object a line.
    Blank lines are skipped.

    Args:
        path: the file.
        broken: receives the error of a row that cannot be read, which is then left out.
        stream: where the bytes come from; the path is then only their name.
        encoding: of the text; None: as in :func:`read_lines`.

    Raises:
        UsageError: for an ending that is none of these.
        DataError: with file:line, for whatever breaks these rules.
    """
    kind = FORMATS.get(format_ending(path))
    if kind is None:
        known = ", ".join(FORMATS)
        raise UsageError(f"cannot tell the format of {path} by its ending; name it with one of {known}")
    lines = read_lines(stream or path, str(path), broken, encoding)
    return _read_json(path, lines, broken) if kind == "jsonl" else _read_table(path, kind, lines, broken)


def delimiter_of(first: str) -> str:
    """What separates the fields of a CSV, by its first line."""
    return ";" if "," not in first and ";" in first else ","


def _read_table(path: Path, kind: str, lines: Lines, broken: Broken | None) -> Iterator[Record]:
    rows = _csv_rows(lines, broken) if kind == "csv" else _tsv_rows(lines)
    first = next(rows, None)
    if first is None:
        raise DataError("the file is empty", SourceLocation(str(path), 1))
    top, fields = first
    header = _header(fields, top)
    location: SourceLocation | None = None
    for location, fields in rows:
        if len(fields) == len(header):
            yield Record(location, dict(zip(header, fields, strict=True)))
        else:
            what = f"{len(fields)} fields, but the first line names {len(header)} columns; correct the row"
            report(DataError(what, location), broken)
    if location is None:
        raise DataError("the file has a header but no rows", top)


def _header(fields: Sequence[str], location: SourceLocation) -> list[str]:
    header = [name.strip() for name in fields]
    for name in header:
        if not name or header.count(name) > 1:
            what = f"two columns are called {shown(name)}" if name else "a column has no name"
            raise DataError(f"{what}; the first line must name each column once", location)
    return header


def _tsv_rows(lines: Lines) -> Iterator[tuple[SourceLocation, list[str]]]:
    for location, line in lines:
        if line.strip():
            yield location, line.split("\t")


class _RowLines:
    """The lines of one row after the other, for ``csv.reader``; knows where the row started."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._size = 0
        self.start = SourceLocation("", 1)

    def begin_row(self) -> None:
        """The next line is the first of a row."""
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        for location, line in self._lines:
            if not self._size:
                self.start = location
            self._size += len(line) + 1
            # Without this, one quote that is never closed would read the rest of the file as a field.
            if self._size > MAX_LINE:
                raise DataError(f"the row runs on for {MAX_LINE:,} characters: is a closing quote missing?", self.start)
            yield line + "\n"


def _csv_rows(lines: Lines, broken: Broken | None) -> Iterator[tuple[SourceLocation, list[str]]]:
    """Rows with the line on which each starts."""
    row_lines = _RowLines(lines)
    rest = iter(row_lines)
    first = next(rest, None)
    if first is None:
        return
    reader = csv.reader(chain([first], rest), delimiter=delimiter_of(first), strict=True)
    # Python's own limit, 131,072, holds for all readers of the process: it is raised, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            what = f"the quoting is broken ({error}); a quote inside quotes is written twice"
            report(DataError(what, row_lines.start), broken)
        else:
            if fields is None:
                return
            if "".join(fields).strip():
                yield row_lines.start, fields
        row_lines.begin_row()


def _read_json(path: Path, lines: Lines, broken: Broken | None) -> Iterator[Record]:
    columns: list[str] = []
    for location, line in lines:
        if not line.strip():
            continue
        try:
            values = _json_row(line, location, columns)
        except DataError as error:
            report(error, broken)
        else:
            columns = columns or list(values)
            yield Record(location, values)
    if not columns:
        raise DataError("the file is empty", SourceLocation(str(path), 1))


def _json_row(line: str, location: SourceLocation, columns: Sequence[str]) -> dict[str, str]:
    values = {as_text(key, location): as_text(value, location) for key, value in json_object(line, location).items()}
    for column in columns:
        if column not in values:
            raise DataError(f"no key {shown(column)}, which the first line has; correct the line", location)
    return values
