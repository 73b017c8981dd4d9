"""Copies of a file without some of its lines, and the way back from their lines to those of the file."""

from __future__ import annotations

import codecs
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import regex

from seqkit.data.readers import PLAIN, DataError, FileForm, format_ending, read_records
from seqkit.data.readers.encodings import UTF_8, is_wide
from seqkit.data.readers.lines import raw_lines

_END = 1 << 62
"""Beyond the last line of any file."""


class LineRange(NamedTuple):
    """Lines from ``start`` to before ``stop``."""

    start: int
    stop: int


ALL_LINES = LineRange(1, _END)


class LineRanges:
    """Collects the lines of rows that are to be copied, row by row."""

    def __init__(self) -> None:
        self._closed: list[LineRange] = []
        self._start = 0
        """Of the range that is open; 0: none is"""

    def begin_row(self, line: int, copied: bool) -> None:
        """A row begins at that line, and so the one before it has ended."""
        if self._start and not copied:
            self._closed.append(LineRange(self._start, line))
            self._start = 0
        elif copied and not self._start:
            self._start = line

    def ranges(self) -> list[LineRange]:
        """All of them; the last row goes to the end of the file."""
        return self._closed + ([LineRange(self._start, _END)] if self._start else [])


class Copy:
    """Some lines of a file in another, which is never compressed and whose lines end with ``\\n``.

    Args:
        original: a file of lines; arrays of JSON are none.
        path: where the copy goes; its ending should be what :func:`format_ending` says of the original.
        ranges: the lines to copy.
        form: of the file; the copy is in the same encoding, in UTF-8 where only its byte order mark says one.
    """

    def __init__(self, original: Path, path: Path, ranges: Sequence[LineRange], form: FileForm = PLAIN) -> None:
        self.original, self.path, self.form = original, path, form
        self.lines = array("q")
        """For each line of the copy, its number in the original"""
        encode = _encoder(form.encoding)
        with path.open("wb") as target:
            for number, line in _lines_in(raw_lines(original, form.encoding), ranges):
                target.write(encode(line))
                self.lines.append(number)

    def restored(self, text: str) -> str:
        """What a message says of the copy, as said of the original."""
        name = regex.escape(str(self.path))
        relocated: str = regex.sub(
            rf"{name}:(\d+)", lambda match: f"{self.original}:{self.original_line(int(match[1]))}", text
        )
        return relocated.replace(str(self.path), str(self.original))

    def without(self, line: int, path: Path) -> Copy:
        """Another copy, without the row that begins at that line of this one."""
        first = self.original_line(line)
        stop = max(self.original_line(self._next_row(line)), first + 1)
        kept = _joined(number for number in self.lines if not first <= number < stop)
        return Copy(self.original, path, kept, self.form)

    def original_line(self, line: int) -> int:
        """Which line of the file a line of the copy is."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else line

    def _next_row(self, line: int) -> int:
        # Only in a CSV does a row take several lines.
        if format_ending(self.path) != ".csv":
            return line + 1
        begins: list[int] = []

        def broken(error: DataError) -> None:
            begins.append(error.location.line if error.location else 0)

        try:
            for record in read_records(self.path, broken, encoding=self.form.encoding, columns=self.form.columns):
                begins.append(record.location.line)
                if begins[-1] > line:
                    break
        except DataError:
            return line + 1
        return min((begin for begin in begins if begin > line), default=len(self.lines) + 1)


def _encoder(encoding: str | None) -> Callable[[bytes], bytes]:
    """Raw lines back to the bytes of the encoding."""
    if encoding is None or not is_wide(encoding):
        return lambda line: line
    encoder = codecs.getincrementalencoder(encoding)()
    return lambda line: encoder.encode(line.decode(UTF_8, "replace"))


def _lines_in(source: Iterable[bytes], ranges: Sequence[LineRange]) -> Iterator[tuple[int, bytes]]:
    waiting = iter(ranges)
    start, stop = next(waiting, (_END, _END))
    for number, line in enumerate(source, 1):
        while number >= stop:
            start, stop = next(waiting, (_END, _END))
        if start <= number:
            yield number, line


def _joined(lines: Iterable[int]) -> list[LineRange]:
    """Lines in ascending order as ranges."""
    ranges: list[LineRange] = []
    for line in lines:
        if ranges and ranges[-1].stop == line:
            ranges[-1] = LineRange(ranges[-1].start, line + 1)
        else:
            ranges.append(LineRange(line, line + 1))
    return ranges
