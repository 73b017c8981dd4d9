"""The data of a run on a file with an example in each row that is larger than memory: nothing is copied.

Which rows validation and test have follows from a hash of their inputs, in a sample of rows. A row that is read in
training and equals one of them is left out then.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from seqkit.checks.splits import labels_of
from seqkit.config import TrainingConfig
from seqkit.data import DataError, Splits
from seqkit.data.indexed import EscapedQuotes, IndexedExamples, IndexedRows, RowHead, RowIndex, row_index
from seqkit.data.readers import shown
from seqkit.files import digest_of, json_bytes
from seqkit.runs.dividing import HELD_OUT, LABELS, hash_of_input, key_of, split_by_chance
from seqkit.runs.fingerprint import content_digest
from seqkit.topologies import AnyTask

SAMPLE = 24 << 20
"""Bytes that vocabulary, n-grams and baseline are learned from"""
DRAWN = 128 << 20
"""Bytes of the rows, at most, of which some become the validation and the test split"""
_FIRST = 2000
"""Rows that show what there is to learn"""
_TOGETHER = 1000


def indexed_splits(
    task: AnyTask,
    config: TrainingConfig,
    path: Path,
    head: RowHead,
    notes: list[str],
    progress: Callable[[int], None] = lambda size: None,
) -> Splits[Any]:
    """The three splits; training is an :class:`IndexedExamples`.

    Args:
        task, config: say how to read; the task is a :class:`~seqkit.topologies.ReadsRows`.
        path, head: of :func:`~seqkit.runs.sizes.large_rows`.
        notes: receives sentences that people should see.
        progress: is called with the bytes that are indexed, while there is no index yet.

    Raises :class:`DataError` for rows that cannot be read or divided, :class:`EscapedQuotes` for a file without an
    index, as :func:`row_index` does.
    """
    config = decided(task, config, path, notes)
    index = row_index(path, head, progress)
    draw = _Draw(task, config, path, index, head)
    draw.divide()
    notes.append(draw.sentence())
    return draw.splits()


def decided(task: Any, config: Any, path: Path, notes: list[str]) -> Any:
    """The configuration with what the first rows of a file decide; raises as their reader does."""
    first = list(islice(task.each_example(config, str(path), notes), _FIRST))
    config = task.recipe(config, Splits(first, [], []))
    return task.decided(config, path)


class _Draw:
    """Draws rows, and has some of them held out."""

    def __init__(self, task: Any, config: TrainingConfig, path: Path, index: RowIndex, head: RowHead) -> None:
        self.task, self.config, self.index = task, config, index
        self._key = key_of(task, config)
        self.rows = IndexedRows(index, head, lambda some: task.each_example(config, some, []))
        self.held: dict[str, dict[int, Any]] = {"valid": {}, "test": {}}
        self.given: dict[str, list[Any]] = {}
        self.firsts = dict[str, int]()
        """Labels, and the first row drawn for training that has each"""
        self._split_of = dict[bytes, str]()
        """Of the hashes of inputs that chance has held out"""
        self.drawn = 0
        for split in self.held:
            if data := getattr(config, f"{split}_data", None):
                self.given[split] = list(task.each_example(config, data, []))

    def divide(self) -> None:
        """Draws the rows, and gives each to a split."""
        shares = {split: getattr(self.config, f"{split}_fraction") for split in self.held if split not in self.given}
        for number, example in self._draw(max(shares.values(), default=0.0)):
            self.drawn += 1
            digest = hash_of_input(self._key(example), self.config.seed_of_splits)
            split = self._split_of.get(digest) or split_by_chance(digest, shares)
            if digest not in self._split_of and split != "train":
                full = len(self.held[split]) >= HELD_OUT
                new = any(label not in self.firsts for label in labels_of(example))
                split = self._split_of[digest] = "train" if full or new else split
            if split == "train":
                for label in labels_of(example)[: LABELS - len(self.firsts)]:
                    self.firsts.setdefault(label, number)
            else:
                self.held[split][number] = example
        self._check()

    def _draw(self, share: float) -> Iterator[tuple[int, Any]]:
        """Rows with their examples, as many as fill both splits, or :data:`DRAWN` bytes."""
        average = max(1.0, float(self.index.sizes().mean()))
        most = int((DRAWN if share else SAMPLE) / average)
        wanted = min(len(self.rows), max(1, most), round(HELD_OUT / share) if share else most)
        numbers = sorted(random.Random(self.config.seed_of_splits).sample(range(len(self.rows)), wanted))
        for first in range(0, len(numbers), _TOGETHER):
            some = numbers[first : first + _TOGETHER]
            examples = self.rows.read(some)
            if self.rows.faults:
                # Of a few rows drawn, one cannot be read: of all, many cannot.
                raise next(iter(self.rows.faults.values()))
            yield from ((n, e) for n, e in zip(some, examples, strict=True) if e is not None)

    def splits(self) -> Splits[Any]:
        """The three splits."""
        valid, test = (self.given.get(split) or list(self.held[split].values()) for split in ("valid", "test"))
        held = sorted(number for found in self.held.values() for number in found)
        state = [self.index.digest, content_digest(valid), content_digest(test), len(held), sorted(self.firsts)]
        train: IndexedExamples[Any] = IndexedExamples(
            self.rows,
            held,
            self._keeps,
            f"{ROWS}{digest_of(json_bytes(state))}",
            sorted(set(self.firsts.values())),
            SAMPLE,
            self.config.seed,
        )
        # A sequence like the list that other tasks have.
        return Splits(train, valid, test)  # type: ignore[arg-type]

    def _keeps(self, example: Any) -> bool:
        """Whether an example is neither held out nor of a label that no row drawn has."""
        if self.firsts and len(self.firsts) < LABELS and any(label not in self.firsts for label in labels_of(example)):
            return False
        digest = hash_of_input(self._key(example), self.config.seed_of_splits)
        return self._split_of.get(digest, "train") == "train"

    def _check(self) -> None:
        for split, found in self.held.items():
            if split not in self.given and not found:
                raise DataError(f"the {split} split is empty; give more examples, or a file for the split")
        if len(self.firsts) == 1 and self.task.metric == "accuracy":
            (only,) = self.firsts
            raise DataError(f"there is only one class, {shown(only)}; add examples of another")
        for split, examples in self.given.items():
            for example in examples:
                for label in labels_of(example):
                    if self.firsts and label not in self.firsts and len(self.firsts) < LABELS:
                        what = f"label {shown(label)} is in the {split} split alone; correct it or add examples"
                        raise DataError(what, example.location)

    def sentence(self) -> str:
        """What people should know of the splits."""
        counts = " and ".join(
            f"{len(self.held[split]):,} for {split}" for split in self.held if split not in self.given
        )
        sampled = f"{self.drawn:,} rows were sampled at random, of which {counts}; " if counts else ""
        return (
            f"the data are read row by row, by an index: {sampled}vocabulary and baseline are learned from "
            f"{SAMPLE >> 20} MB of the others. Rows that cannot be read, that repeat an input held out, or whose label "
            "no sampled row has, are left out of training"
        )


ROWS = "rows-"
"""How the fingerprint of data that are read by an index begins"""

__all__ = ["ROWS", "EscapedQuotes", "indexed_splits"]
