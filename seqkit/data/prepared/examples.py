"""The examples of a split that is larger than memory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, overload

import numpy as np

from seqkit.data.prepared.forms import ExampleForms
from seqkit.data.prepared.rows import Rows
from seqkit.data.splits import Splits
from seqkit.errors import SeqkitError

T = TypeVar("T")


class Sample(list[T], Generic[T]):
    """Some of the examples of a split.

    Args:
        examples: those.
        of: how many the split has.
    """

    def __init__(self, examples: Sequence[T], of: int) -> None:
        super().__init__(examples)
        self.of = of


class StoredExamples(Sequence[T], Generic[T]):
    """A split of which each example is read when it is requested; it is a sequence like a list of them.

    Args:
        rows: the examples as bytes.
        forms: reads them.
        fingerprint: of the data set.
        size: how much the split has and of what, as a task says it.
        firsts: the numbers of examples that have the labels, one for each, so that a sample knows all of them.
        sample_bytes: how much is learned from: vocabulary, n-grams, the baseline.
        seed: draws the sample.
    """

    def __init__(
        self,
        rows: Rows,
        forms: ExampleForms,
        fingerprint: str,
        size: tuple[int, str],
        firsts: Sequence[int],
        sample_bytes: int,
        seed: int,
    ) -> None:
        self.rows, self.forms, self.fingerprint, self.size = rows, forms, fingerprint, size
        self._firsts, self._sample_bytes, self._seed = firsts, sample_bytes, seed

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> list[T]: ...
    def __getitem__(self, number: int | slice) -> T | list[T]:
        if isinstance(number, slice):
            return [self._read(self.rows.row(n), n) for n in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return self._read(self.rows.row(number % len(self)), number % len(self))

    def __iter__(self) -> Iterator[T]:
        return (self._read(row, number) for number, row in enumerate(self.rows.all()))

    @cached_property
    def sizes(self) -> np.ndarray:
        """The bytes of each example, (N)."""
        return self.rows.sizes()

    @cached_property
    def sample(self) -> Sample[T]:
        """Examples drawn at random, and one for each label, in the order of the split."""
        return Sample([self[number] for number in self._drawn()], len(self))

    def _drawn(self) -> list[int]:
        average = max(1.0, float(self.sizes.mean()))
        wanted = min(len(self), max(1, int(self._sample_bytes / average)))
        return sorted({*random.Random(self._seed).sample(range(len(self)), wanted), *self._firsts})

    def _read(self, row: bytes, number: int) -> T:
        try:
            example: T = self.forms.read(row)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            fault = f"{self.rows.path} is damaged at example {number + 1:,} ({type(error).__name__})"
            raise SeqkitError(f"{fault}; prepare the data again") from None
        return example


def learning_splits(splits: Splits[Any]) -> Splits[Any]:
    """The splits with what is learned from before and beside the training: of a stored split, a sample."""
    if isinstance(splits.train, StoredExamples):
        return Splits(splits.train.sample, splits.valid, splits.test)
    return splits


def count_of(examples: Sequence[Any]) -> int:
    """How many examples a split has, of which these may be a sample."""
    return examples.of if isinstance(examples, Sample) else len(examples)


def read_all(rows: Rows, forms: ExampleForms) -> list[Any]:
    """All examples of a split."""
    stored: StoredExamples[Any] = StoredExamples(rows, forms, "", (len(rows), ""), (), 0, 0)
    return list(stored)
