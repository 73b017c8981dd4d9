"""Batches of a training split that is larger than memory.

An epoch is a random order of all examples, cut into windows; the batches of a window are sorted by length, and read and
encoded when they are trained on. What is held is 8 bytes for each example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from seqkit.config import TrainingConfig
from seqkit.data.prepared import StoredExamples
from seqkit.training.batches import Batches, Collator, EpochBatches, epoch_generator

_WINDOW = 50
"""Batches that are sorted by length together, as those in memory are"""
_MEASURED = 2000
"""Examples whose length is compared with their bytes"""


class StoredItems(Sequence[Any]):
    """The items of stored examples, each read and encoded when it is requested.

    Args:
        examples: those.
        encode: makes the items of some.
    """

    def __init__(self, examples: StoredExamples[Any], encode: Callable[[Sequence[Any]], list[Any]]) -> None:
        self.examples, self.encode = examples, encode

    def __len__(self) -> int:
        return len(self.examples)

    @overload
    def __getitem__(self, number: int) -> Any: ...
    @overload
    def __getitem__(self, number: slice) -> list[Any]: ...
    def __getitem__(self, number: int | slice) -> Any:
        if isinstance(number, slice):
            return self.read(range(*number.indices(len(self))))
        return self.encode([self.examples[number]])[0]

    def read(self, numbers: Sequence[int]) -> list[Any]:
        """The items of some numbers, whose examples are read together."""
        return self.encode(self.examples.read(numbers))

    def steps(self, length: Callable[[Any], int]) -> np.ndarray:
        """About how many steps each item takes, (N) of uint32: as many to a byte as items of a sample take.

        No item is taken to be longer than the longest of the sample, for codecs cut what is longer than they read.
        """
        every = max(1, len(self.examples.sample) // _MEASURED)
        numbers, sample = self.examples.drawn[::every], self.examples.sample[::every]
        lengths = [*map(length, self.encode(sample))]
        sizes = self.examples.sizes_of(numbers, sample)
        steps = self.examples.sizes * (sum(lengths) / max(1, sum(sizes)))
        return np.clip(np.rint(steps), 1, max(1, *lengths, 1)).astype(np.uint32)


class WindowBatches:
    """Stored items in batches of similar length; the order of an epoch follows from the seed and the epoch's number.

    Lengths are estimated, see :meth:`StoredItems.steps`, so that a plan is made without reading the examples:
    ``batch_tokens`` holds for the estimates.
    """

    def __init__(self, collator: Collator, items: StoredItems, config: TrainingConfig) -> None:
        self.collator, self.items, self.config = collator, items, config
        self.steps = items.steps(collator.length)
        self._plan: WindowPlan | None = None

    def plan(self, epoch: int) -> WindowPlan:
        """See :class:`Batches`."""
        if self._plan is None or self._plan.epoch != epoch:
            # The old one first: both together would take twice the memory.
            self._plan = None
            self._plan = WindowPlan(self.steps, self.config, epoch)
        return self._plan

    def batch(self, group: Sequence[int], carried: Mapping[str, Tensor] | None = None) -> Any:
        """See :class:`Batches`."""
        return self.collator.collate(self.items.read(group))


class WindowPlan(Sequence[list[int]]):
    """The batches of an epoch, as the numbers of their items; those of one window are made at a time.

    Args:
        steps: of each item, (N).
        config: how large a batch may be.
        epoch: its number.
    """

    def __init__(self, steps: np.ndarray, config: TrainingConfig, epoch: int) -> None:
        self.steps, self.config, self.epoch = steps, config, epoch
        generator = epoch_generator(config.seed, epoch)
        self._order = torch.randperm(len(steps), generator=generator, dtype=torch.int32).numpy()
        self._size = _WINDOW * config.batch_size
        windows = range(0, len(steps), self._size)
        # Where the batches of each window begin, and the last ones end.
        self._begins = np.cumsum([0, *(len(self._ends(self._sorted(start))) for start in windows)])
        self._held: tuple[int, list[list[int]]] = -1, []

    def __len__(self) -> int:
        return int(self._begins[-1])

    @overload
    def __getitem__(self, number: int) -> list[int]: ...
    @overload
    def __getitem__(self, number: slice) -> list[list[int]]: ...
    def __getitem__(self, number: int | slice) -> Any:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        window = int(np.searchsorted(self._begins, number, "right")) - 1
        if self._held[0] != window:
            self._held = window, self._batches(window)
        return self._held[1][number - int(self._begins[window])]

    def _batches(self, window: int) -> list[list[int]]:
        """The batches of a window, in random order."""
        numbers = self._sorted(window * self._size)
        batches = [batch.tolist() for batch in np.split(numbers, self._ends(numbers)[:-1])]
        generator = torch.Generator().manual_seed((self.config.seed * 1_000_003 + self.epoch) * 1_000_003 + window)
        return [batches[n] for n in torch.randperm(len(batches), generator=generator).tolist()]

    def _sorted(self, start: int) -> np.ndarray:
        """The items of the window that begins there, from the shortest to the longest."""
        numbers = self._order[start : start + self._size]
        return numbers[np.argsort(self.steps[numbers], kind="stable")]

    def _ends(self, numbers: np.ndarray) -> list[int]:
        """Where batches of sorted items end, none of which has too many items or, with padding, too many steps."""
        steps, most, ends = self.steps[numbers].astype(np.int64), self.config.batch_size, list[int]()
        rows = np.arange(1, most + 1)
        start = 0
        while start < len(steps):
            padded = steps[start : start + most]
            fit = np.searchsorted(padded * rows[: len(padded)], self.config.batch_tokens, "right")
            start += max(1, int(fit))
            ends.append(start)
        return ends


def epoch_batches(collator: Collator, items: Sequence[Any], config: TrainingConfig) -> Batches:
    """Items in batches by length, be they in memory or stored."""
    if isinstance(items, StoredItems):
        return WindowBatches(collator, items, config)
    return EpochBatches(collator, items, config)
