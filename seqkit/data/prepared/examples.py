"""The examples of a split that is larger than memory."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, overload

import numpy as np

from seqkit.data.prepared.forms import ExampleForms
from seqkit.data.prepared.rows import Rows
from seqkit.data.splits import Splits
from seqkit.errors import SeqkitError

T = TypeVar("T")
_TOGETHER = 1000
"""Examples that are read at a time by who reads many"""


class Sample(list[T], Generic[T]):
    """Some of the examples of a split.

    Args:
        examples: those.
        of: how many the split has.
    """

    def __init__(self, examples: Sequence[T], of: int) -> None:
        super().__init__(examples)
        self.of = of


class StoredExamples(Sequence[T], ABC, Generic[T]):
    """A split of which each example is read when it is requested; it is a sequence like a list of them.

    Args:
        fingerprint: of the data set.
        size: how much the split has and of what, as a task says it.
        firsts: the numbers of examples that have the labels, one for each, so that a sample knows all of them.
        sample_bytes: how much is learned from: vocabulary, n-grams, the baseline.
        seed: draws the sample.
    """

    def __init__(
        self, fingerprint: str, size: tuple[int, str], firsts: Sequence[int], sample_bytes: int, seed: int
    ) -> None:
        self.fingerprint, self.size = fingerprint, size
        self._firsts, self._sample_bytes, self._seed = firsts, sample_bytes, seed

    @abstractmethod
    def read(self, numbers: Sequence[int]) -> list[T]:
        """The examples of some numbers, in their order."""

    @abstractmethod
    def _sizes(self) -> np.ndarray: ...

    @abstractmethod
    def sizes_of(self, numbers: Sequence[int], examples: Sequence[T]) -> list[int]:
        """The bytes of some examples, as those that steps are estimated from."""

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> list[T]: ...
    def __getitem__(self, number: int | slice) -> T | list[T]:
        if isinstance(number, slice):
            return self.read(range(*number.indices(len(self))))
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return self.read([number % len(self)])[0]

    def __iter__(self) -> Iterator[T]:
        for first in range(0, len(self), _TOGETHER):
            yield from self.read(range(first, min(len(self), first + _TOGETHER)))

    @cached_property
    def sizes(self) -> np.ndarray:
        """The bytes of each example, (N)."""
        return self._sizes()

    @cached_property
    def drawn(self) -> list[int]:
        """The numbers of the sample."""
        average = max(1.0, float(self.sizes.mean()))
        wanted = min(len(self), max(1, int(self._sample_bytes / average)))
        return sorted({*random.Random(self._seed).sample(range(len(self)), wanted), *self._firsts})

    @cached_property
    def sample(self) -> Sample[T]:
        """Examples drawn at random, and one for each label, in the order of the split."""
        stretches = (self.drawn[first : first + _TOGETHER] for first in range(0, len(self.drawn), _TOGETHER))
        return Sample([example for numbers in stretches for example in self.read(numbers)], len(self))


class PreparedExamples(StoredExamples[T]):
    """A split of a prepared data set.

    Args:
        rows: the examples as bytes.
        forms: reads them.
        fingerprint, size, firsts, sample_bytes, seed: as of :class:`StoredExamples`.
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
        super().__init__(fingerprint, size, firsts, sample_bytes, seed)
        self.rows, self.forms = rows, forms

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, numbers: Sequence[int]) -> list[T]:
        """See :class:`StoredExamples`."""
        return [self._read(self.rows.row(number), number) for number in numbers]

    def __iter__(self) -> Iterator[T]:
        return (self._read(row, number) for number, row in enumerate(self.rows.all()))

    def _sizes(self) -> np.ndarray:
        return self.rows.sizes()

    def sizes_of(self, numbers: Sequence[int], examples: Sequence[T]) -> list[int]:
        """Without their checksums."""
        return [len(self.forms.write(example)) for example in examples]

    def _read(self, row: bytes, number: int) -> T:
        try:
            example: T = self.forms.read(row)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            fault = f"{self.rows.path} is damaged at example {number + 1:,} ({type(error).__name__})"
            raise SeqkitError(f"{fault}; remove the folder, and prepare the data again") from None
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
    stored: PreparedExamples[Any] = PreparedExamples(rows, forms, "", (len(rows), ""), (), 0, 0)
    return list(stored)
