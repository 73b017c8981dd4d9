"""The rows of a CSV: what separates fields, what is not a row, and quotes as people write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from seqkit.data.readers.lines import MAX_LINE, Broken, Lines, report
from seqkit.data.readers.location import DataError, Remark, SourceLocation

LocatedRows = Iterator[tuple[SourceLocation, list[str]]]
"""The fields of rows, each with the line on which it starts"""

_DELIMITERS = ",;\t|"
"""The most usual first."""
_DECLARED = re.compile(r'"?sep=(.)"?\s*')
"""The line with which Excel says what separates the fields."""
_ESCAPED = re.compile(r'\\(["\\])')
_FAULTS = {
    "new-line character": "a carriage return (\\r) without a line feed: line ends are mixed; write \\n for each",
    "unexpected end": "a quote that opens here is never closed; close it, or remove it",
}
"""What Python says of a row, and what people can do about it"""


def delimiter_of(first: str) -> str:
    """What separates the fields of a CSV, by its first line."""
    # max takes the first among equals.
    return max(_DELIMITERS, key=first.count)


def delimiter_in(lines: Lines) -> str:
    """What separates the fields of a CSV; reads its lines up to the header."""
    return _begin(_RowLines(lines))[1]


def is_comment(fields: Sequence[str]) -> bool:
    """Whether a line before the header is a comment: a header has several names."""
    return len(fields) == 1 and fields[0].startswith("#")


def csv_rows(lines: Lines, broken: Broken | None, notes: list[str] | None = None) -> LocatedRows:
    """The rows of a CSV, quotes as in RFC 4180.

    At the first row that breaks it, and that can be read with a backslash before each quote inside quotes, reading
    continues like that, unless a row above has doubled such a quote. ``notes`` receives a sentence about it.
    """
    row_lines = _RowLines(lines)
    first, delimiter = _begin(row_lines)
    if first is None:
        return
    rest = iter(row_lines)
    reader = _reader(chain([first], rest), delimiter)
    may_escape, doubled = True, f'[^{re.escape(delimiter)}]""[^{re.escape(delimiter)}]'
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            if may_escape and _is_escaped(row_lines.row, delimiter):
                may_escape = False
                reader = _reader(_unescaped(chain(tuple(row_lines.row), rest)), delimiter)
                _note_escapes(row_lines.start, notes)
                continue
            report(_fault(error, row_lines.start), broken)
        else:
            if fields is None:
                return
            for line in row_lines.row:
                if may_escape and '""' in line and re.search(doubled, line.strip()):
                    may_escape = False
            if "".join(fields).strip():
                yield row_lines.start, fields
        row_lines.begin_row()


class _RowLines:
    """The lines of one row after the other, for ``csv.reader``; knows where the row started."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._size = 0
        self.row: list[str] = []
        """The lines of the row so far"""
        self.start = SourceLocation("", 1)

    def begin_row(self) -> None:
        """The next line is the first of a row."""
        self._size = 0
        self.row.clear()

    def __iter__(self) -> Iterator[str]:
        for location, line in self._lines:
            if not self._size:
                self.start = location
            self._size += len(line) + 1
            # Without this, one quote that is never closed would read the rest of the file as a field.
            if self._size > MAX_LINE:
                raise DataError(f"the row runs on for {MAX_LINE:,} characters: is a closing quote missing?", self.start)
            self.row.append(line + "\n")
            yield self.row[-1]


def _begin(row_lines: _RowLines) -> tuple[str | None, str]:
    """The first line that has fields, None if there is none; and what separates them."""
    rest = iter(row_lines)
    first = next(rest, None)
    declared = _DECLARED.fullmatch(first.strip()) if first else None
    if declared:
        row_lines.begin_row()
        first = next(rest, None)
    # A comment has no fields; a header that begins with # has.
    while first is not None and is_comment(first.strip().split(delimiter_of(first))):
        row_lines.begin_row()
        first = next(rest, None)
    return first, declared[1] if declared else delimiter_of(first or "")


def _reader(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    # Python's own limit, 131,072, holds for all readers of the process: it is raised, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _is_escaped(row: Sequence[str], delimiter: str) -> bool:
    """Whether the lines of a row become one, or its beginning, once backslashes escape quotes."""
    if not any('\\"' in line for line in row):
        return False
    try:
        fields = next(_reader(_unescaped(row), delimiter), [])
    except csv.Error as error:
        # The rest of the row may stand on further lines.
        return "unexpected end" in str(error)
    return len(fields) > 1


def _unescaped(lines: Iterable[str]) -> Iterator[str]:
    """Lines with quotes doubled that had a backslash before them; other backslashes are ordinary characters."""
    return (_ESCAPED.sub(lambda match: '""' if match[1] == '"' else "\\", line) for line in lines)


def _note_escapes(location: SourceLocation, notes: list[str] | None) -> None:
    if notes is not None:
        note = Remark(
            f"quotes inside quotes have a backslash before them, the first at {location}, and were read as quotes"
        )
        notes.extend(() if note in notes else (note,))


def _fault(error: csv.Error, location: SourceLocation) -> DataError:
    known = next((what for part, what in _FAULTS.items() if part in str(error)), None)
    what = f"the quoting is broken ({error}); a quote inside quotes is written twice, not with a backslash"
    return DataError(known or what, location)
