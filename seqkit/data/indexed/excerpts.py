"""Some rows of a file, read as the whole file would be."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path, PosixPath
from typing import Any

from seqkit.data.indexed.heads import RowHead
from seqkit.data.indexed.index import RowIndex
from seqkit.data.readers import DataError, SourceLocation


class Excerpt(PosixPath):
    """A path that opens as some of the lines of its file."""

    content: bytes | None = None

    def open(self, *arguments: Any, **options: Any) -> Any:
        """The lines, as a stream of bytes."""
        return super().open(*arguments, **options) if self.content is None else io.BytesIO(self.content)


Read = Callable[[Path], Iterator[Any]]
"""Reads the examples of a file"""


class IndexedRows:
    """The examples of rows, by the numbers of these.

    Args:
        index: of the file.
        head: what its rows are read with.
        read: reads the examples of a file, each with the ``location`` of its row.
    """

    def __init__(self, index: RowIndex, head: RowHead, read: Read) -> None:
        self.index, self._head, self._read = index, head, read
        self.faults: dict[int, DataError] = {}
        """Of rows that cannot be read, by their numbers"""

    def __len__(self) -> int:
        return len(self.index)

    def read(self, numbers: Sequence[int]) -> list[Any | None]:
        """The example of each row, None for one without any: it has no text, for instance, or cannot be read."""
        try:
            return self._examples(numbers)
        except DataError as error:
            if len(numbers) > 1:
                return [example for number in numbers for example in self.read([number])]
            if error.of_row:
                (number,) = numbers
                self.faults[number] = self._placed(error, number)
            return [None]

    def _examples(self, numbers: Sequence[int]) -> list[Any | None]:
        rows = [self.index.row(number) for number in numbers]
        rows = [row if row.endswith(b"\n") else row + b"\n" for row in rows]
        # Where each row begins in the excerpt, in lines from 1.
        begins = [*accumulate((row.count(b"\n") for row in rows), initial=self._head.lines + 1)]
        excerpt = Excerpt(self.index.path)
        excerpt.content = b"".join([self._head.content, *rows])
        found: list[Any | None] = [None] * len(rows)
        for example in self._read(excerpt):
            place = bisect_right(begins, example.location.line) - 1
            if place >= 0:
                line = self.index.line(numbers[place]) + example.location.line - begins[place]
                found[place] = replace(example, location=SourceLocation(example.location.file, line))
        return found

    def _placed(self, error: DataError, number: int) -> DataError:
        """The error of a row that was read alone, with its own line."""
        what = str(error).removeprefix(f"{error.location}: ")
        return DataError(what, SourceLocation(str(self.index.path), self.index.line(number)))
