"""Where the rows of a large file begin: one pass over its bytes, which knows quotes but reads no field.

A line break inside quotes ends no row. A quote opens a field where it is the field's first character, and closes it
again; two of them inside stand for one. Everywhere else it is an ordinary character. So whether a byte is inside quotes
follows from the number of quotes before it, unless a field has one of its own; such stretches are gone through quote by
quote.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqkit.data.readers import MAX_LINE, DataError, SourceLocation

_CHUNK = 8 << 20
"""Bytes that are looked through at a time"""
_BLOCK = 1 << 17
"""Bytes that are compared at a time: they stay in the processor's cache"""
_LONGEST = 4 * MAX_LINE
"""Bytes of the longest row"""
_NEWLINE, _RETURN, _QUOTE, _BACKSLASH = b'\n\r"\\'


class EscapedQuotes(Exception):
    """Quotes inside quotes have a backslash before them: rows then depend on those before them."""


class RowStarts(NamedTuple):
    """Where rows begin: bytes from the file's start (N), and lines from 1 (N)."""

    offsets: np.ndarray
    lines: np.ndarray


class _Marks(NamedTuple):
    """The line breaks and quotes of a chunk (M): places in it, and the bytes before, there, behind, and behind that."""

    places: np.ndarray
    around: np.ndarray
    size: int
    checksum: int


class RowScan:
    """Goes through the rows of a file, by several threads; iterate it to its end, then ask for its digest.

    Args:
        path: the file.
        first, line: the byte and the line at which its rows begin, behind a header.
        delimiter: what separates fields that may be in quotes; None: each line is a row.
        threads: how many look through the file.
        progress: is called with the number of bytes so far.

    Raises :class:`DataError` with file:line for quotes that are broken, :class:`EscapedQuotes` for backslashes.
    """

    def __init__(
        self,
        path: Path,
        first: int,
        line: int,
        delimiter: int | None,
        threads: int = 2,
        progress: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.path, self.size = path, path.stat().st_size
        self._first, self._line, self._delimiter = first, line, delimiter
        self._threads, self._progress = threads, progress
        self._digest = hashlib.blake2b(digest_size=16)
        self._buffers = threading.local()
        # Of the rows so far: whether a quote is open, where the last one closed, and where the last row began, also
        # as a line.
        self._inside, self._closed, self._last, self._row = False, -2, first, line

    @property
    def digest(self) -> str:
        """That of all bytes, by a checksum for each chunk."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[RowStarts]:
        if self._first < self.size:
            yield RowStarts(np.array([self._first], np.int64), np.array([self._line], np.int64))
        file = os.open(self.path, os.O_RDONLY)
        try:
            for begin, marks in self._in_order(file):
                self._digest.update(marks.checksum.to_bytes(4, "little"))
                yield self._rows(begin, marks)
                self._progress(begin + marks.size)
        finally:
            os.close(file)
        if self._inside:
            raise self._fault("a quote that opens here is never closed; close it, or remove it", self._row)

    def _in_order(self, file: int) -> Iterator[tuple[int, _Marks]]:
        """The marks of each chunk, while threads look through the ones after it."""
        begins = iter(range(0, self.size, _CHUNK))
        with ThreadPoolExecutor(self._threads, "scan") as pool:
            ahead: deque[tuple[int, Future[_Marks]]] = deque()
            for begin in begins:
                ahead.append((begin, pool.submit(self._look, file, begin)))
                if len(ahead) > 2 * self._threads:
                    yield ahead[0][0], ahead.popleft()[1].result()
            while ahead:
                yield ahead[0][0], ahead.popleft()[1].result()

    def _look(self, file: int, begin: int) -> _Marks:
        """Finds the marks of a chunk; the bytes around it are read, too, and are line breaks where the file ends."""
        if not hasattr(self._buffers, "bytes"):
            self._buffers.bytes, self._buffers.found = np.empty(_CHUNK + 3, np.uint8), np.empty((2, _BLOCK), bool)
        content, (found, quotes) = self._buffers.bytes, self._buffers.found
        content[0] = _NEWLINE
        skipped = 1 if begin == 0 else 0
        read = skipped + os.preadv(file, [memoryview(content)[skipped:]], begin - 1 + skipped)
        content[read : read + 3] = _NEWLINE
        size = min(_CHUNK, read - 1)
        places = []
        for start in range(0, size, _BLOCK):
            block = content[start + 1 : min(start + _BLOCK, size) + 1]
            here = np.equal(block, _NEWLINE, out=found[: len(block)])
            if self._delimiter is not None:
                here |= np.equal(block, _QUOTE, out=quotes[: len(block)])
            places.append(np.flatnonzero(here) + start)
        marks = np.concatenate(places) if places else np.empty(0, np.int64)
        return _Marks(marks, content[marks[:, None] + np.arange(4)], size, zlib.crc32(content[1 : size + 1]))

    def _rows(self, begin: int, marks: _Marks) -> RowStarts:
        """The rows that begin behind a line break of a chunk; empty lines begin none."""
        places, around = begin + marks.places, marks.around
        is_break = around[:, 1] == _NEWLINE
        ends = is_break & (places >= self._first)
        if self._delimiter is not None:
            ends &= ~self._quoted(places, around, is_break)
        lines = self._line + np.cumsum(is_break & (places >= self._first))
        empty = (around[:, 2] == _NEWLINE) | ((around[:, 2] == _RETURN) & (around[:, 3] == _NEWLINE))
        starts = ends & ~empty & (places + 1 < self.size)
        self._check_sizes(places[ends], lines[ends])
        self._line = int(lines[-1]) if len(lines) else self._line
        return RowStarts(places[starts] + 1, lines[starts])

    def _quoted(self, places: np.ndarray, around: np.ndarray, is_break: np.ndarray) -> np.ndarray:
        """Which marks have an odd number of quotes before them that open and close fields."""
        quotes = np.flatnonzero(~is_break & (places >= self._first))
        real = self._fields_quotes(places, around, quotes)
        toggles = np.zeros(len(places), np.int64)
        toggles[real] = 1
        before = int(self._inside) + np.cumsum(toggles)
        if len(real):
            self._inside = bool(before[-1] % 2)
            closing = real[before[real] % 2 == 0]
            self._closed = int(places[closing[-1]]) if len(closing) else self._closed
        odd: np.ndarray = before % 2 == 1
        return odd

    def _fields_quotes(self, places: np.ndarray, around: np.ndarray, quotes: np.ndarray) -> np.ndarray:
        """Those of the quotes that open or close a field."""
        if not len(quotes):
            return quotes
        behind, ahead = around[quotes, 0], around[quotes, 2]
        opens = (np.arange(len(quotes)) + int(self._inside)) % 2 == 0
        may_open = (behind == self._delimiter) | (behind == _NEWLINE) | (behind == _QUOTE)
        if behind[0] == _QUOTE:
            may_open[0] = self._closed == places[quotes[0]] - 1
        may_close = (ahead == self._delimiter) | (ahead == _NEWLINE) | (ahead == _RETURN) | (ahead == _QUOTE)
        if bool(np.where(opens, may_open, may_close).all()):
            return quotes
        return self._one_by_one(places, around, quotes)

    def _one_by_one(self, places: np.ndarray, around: np.ndarray, quotes: np.ndarray) -> np.ndarray:
        """The same where a field has a quote of its own."""
        inside, closed, real = self._inside, self._closed, list[int]()
        openers, closers = (self._delimiter, _NEWLINE), (self._delimiter, _NEWLINE, _RETURN, _QUOTE)
        at, neighbours = places[quotes].tolist(), around[quotes].tolist()
        for mark, place, (behind, _, ahead, _) in zip(quotes.tolist(), at, neighbours, strict=True):
            if inside:
                if ahead not in closers:
                    if behind == _BACKSLASH:
                        raise EscapedQuotes
                    line = self._line + int(((around[:mark, 1] == _NEWLINE) & (places[:mark] >= self._first)).sum())
                    raise self._fault("a quote inside quotes is written twice; correct the row", line)
                inside, closed = False, place
            elif behind in openers or closed == place - 1:
                inside = True
            else:
                continue
            real.append(mark)
        return np.array(real, np.int64)

    def _check_sizes(self, ends: np.ndarray, lines: np.ndarray) -> None:
        """Raises :class:`DataError` for a row that never ends."""
        if not len(ends):
            return
        sizes = np.diff(ends, prepend=self._last)
        if int(sizes.max()) > _LONGEST:
            where = int(lines[int(sizes.argmax()) - 1]) if sizes.argmax() else self._row
            what = f"the row runs on for more than {MAX_LINE:,} characters: is a closing quote missing?"
            raise self._fault(what, where)
        self._last, self._row = int(ends[-1]), int(lines[-1])

    def _fault(self, what: str, line: int) -> DataError:
        return DataError(what, SourceLocation(str(self.path), line))
