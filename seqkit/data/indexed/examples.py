"""A training split whose examples stay in the rows of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from seqkit.data.indexed.excerpts import IndexedRows
from seqkit.data.prepared import StoredExamples
from seqkit.data.readers import DataError

T = TypeVar("T")
_PATIENCE = 10_000
"""Rows in succession without an example to train on"""


class IndexedExamples(StoredExamples[T]):
    """All rows but those held out. A row that has no example to train on has that of the next row that has one.

    Args:
        rows: of the file.
        held: the numbers of the rows that are held out, in their order.
        keeps: whether an example is to be trained on; one that equals an example held out is not.
        fingerprint, firsts, sample_bytes, seed: as of :class:`StoredExamples`; ``firsts`` are numbers of rows.
    """

    def __init__(
        self,
        rows: IndexedRows,
        held: Sequence[int],
        keeps: Callable[[Any], bool],
        fingerprint: str,
        firsts: Sequence[int],
        sample_bytes: int,
        seed: int,
    ) -> None:
        self._held, self._rows, self._keeps = np.array(held, np.int64), rows, keeps
        # Before the example of that number, this many rows are held out.
        self._passed = self._held - np.arange(len(self._held))
        numbers = [row - int(np.searchsorted(self._held, row)) for row in firsts]
        super().__init__(fingerprint, (len(self), "examples"), numbers, sample_bytes, seed)

    def __len__(self) -> int:
        return len(self._rows) - len(self._held)

    @property
    def faults(self) -> list[DataError]:
        """Of the rows that could not be read so far."""
        return list(self._rows.faults.values())

    def read(self, numbers: Sequence[int]) -> list[T]:
        """See :class:`StoredExamples`."""
        asked = np.asarray(numbers, np.int64)
        rows = (asked + np.searchsorted(self._passed, asked, "right")).tolist()
        return [
            example if example is not None and self._keeps(example) else self._next(row)
            for row, example in zip(rows, self._rows.read(rows), strict=True)
        ]

    def _next(self, row: int) -> T:
        """The example of the first row after that one that has one."""
        for step in range(1, _PATIENCE):
            (example,) = self._rows.read([(row + step) % len(self._rows)])
            if example is not None and self._keeps(example):
                found: T = example
                return found
        line = self._rows.index.line(row)
        raise DataError(
            f"{self._rows.index.path}: none of the {_PATIENCE:,} rows from line {line:,} on is an example to train on; "
            f"check the file, or prepare the data to see what is wrong"
        )

    def _sizes(self) -> np.ndarray:
        sizes: np.ndarray = np.delete(self._rows.index.sizes(), self._held)
        return sizes

    def sizes_of(self, numbers: Sequence[int], examples: Sequence[T]) -> list[int]:
        """See :class:`StoredExamples`."""
        sizes: list[int] = self.sizes[np.asarray(numbers, np.int64)].tolist()
        return sizes
