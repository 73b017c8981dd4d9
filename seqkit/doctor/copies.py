"""Copies of a file without some of its lines, and the way back from their lines to those of the file."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import regex

from seqkit.data.readers import read_records

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
    """Some lines of a file in another."""

    def __init__(self, original: Path, path: Path, ranges: Sequence[LineRange]) -> None:
        self.original, self.path = original, path
        self.lines = array("q")
        """For each line of the copy, its number in the original"""
        with original.open("rb") as source, path.open("wb") as target:
            for number, line in _lines_in(source, ranges):
                target.write(line if line.endswith(b"\n") else line + b"\n")
                self.lines.append(number)

    def restored(self, text: str) -> str:
        """What a message says of the copy, as said of the original."""
        name = regex.escape(str(self.path))
        relocated: str = regex.sub(
            rf"{name}:(\d+)", lambda match: f"{self.original}:{self._original_line(int(match[1]))}", text
        )
        return relocated.replace(str(self.path), str(self.original))

    def without(self, line: int, path: Path) -> Copy:
        """Another copy, without the row that begins at that line of this one."""
        first = self._original_line(line)
        stop = max(self._original_line(self._next_row(line)), first + 1)
        return Copy(self.original, path, _joined(number for number in self.lines if not first <= number < stop))

    def _original_line(self, line: int) -> int:
        return self.lines[line - 1] if 0 < line <= len(self.lines) else line

    def _next_row(self, line: int) -> int:
        # Only in a CSV does a row take several lines.
        if self.path.suffix.lower() != ".csv":
            return line + 1
        later = (location.line for location, _ in read_records(self.path) if location.line > line)
        return next(later, len(self.lines) + 1)


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
