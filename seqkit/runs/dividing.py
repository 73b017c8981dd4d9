"""Splits of data that are larger than memory: drawn by a hash of each input, while the data are read once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from seqkit.checks.splits import input_key, labels_of
from seqkit.config import TrainingConfig
from seqkit.data import DataError, Splits
from seqkit.data.prepared import FolderWriter
from seqkit.data.readers import shown
from seqkit.topologies import AnyTask, ReadsOneByOne

HELD_OUT = 20_000
"""Examples of the validation split, and of the test split, at most: both are held in memory, and scored as a whole."""
_FIRST = 2000
"""Examples whose size says about how many there are."""
LABELS = 10_000
"""Labels of which an example is remembered, at most; data with more of them have no classes."""


class Divider:
    """Writes each example to a split, as it comes.

    Equal inputs have the same hash and are in one split. Training gets the first example of each label.

    Args:
        writer: of the folder.
        key: of an example, what equal inputs have in common.
        seed: of the draw.
        shares: of validation and test, from 0 to 1.
        most: examples of either, at most.
    """

    def __init__(
        self, writer: FolderWriter, key: Callable[[Any], Any], seed: int, shares: dict[str, float], most: int
    ) -> None:
        self.writer, self._key, self._shares, self._most = writer, key, shares, most
        self._seed = seed
        self.firsts = dict[str, int]()
        self.known: dict[str, dict[str, Any]] = {"valid": {}, "test": {}}
        self._kept: dict[bytes, str] = {}

    def add(self, example: Any) -> None:
        """Writes one more."""
        split = self._split_of(hash_of_input(self._key(example), self._seed), example)
        if split == "train":
            remember_labels(self.firsts, example, self.writer.add(split, example))
        else:
            self.hold_out(split, example)

    def hold_out(self, split: str, example: Any) -> None:
        """Writes one that is certainly of validation or test."""
        self.writer.add(split, example)
        for label in labels_of(example):
            self.known[split].setdefault(label, example)

    def _split_of(self, digest: bytes, example: Any) -> str:
        # Only inputs that chance would hold out have to be remembered, and of these there are not many.
        if digest in self._kept:
            return self._kept[digest]
        split = split_by_chance(digest, self._shares)
        if split == "train":
            return split
        full = self.writer.count(split) >= self._most
        new = any(label not in self.firsts for label in labels_of(example))
        self._kept[digest] = "train" if full or new else split
        return self._kept[digest]


def hash_of_input(key: Any, seed: int) -> bytes:
    """What decides which split an input is in."""
    hashed = hashlib.blake2b(repr(key).encode("utf-8", "surrogatepass"), digest_size=16)
    hashed.update(seed.to_bytes(8, "little", signed=True))
    return hashed.digest()


def split_by_chance(digest: bytes, shares: Mapping[str, float]) -> str:
    """The split that a hash falls into, of shares from 0 to 1; the rest is training."""
    chance, below = int.from_bytes(digest[:8], "little") / 2**64, 0.0
    for split, share in shares.items():
        below += share
        if chance < below:
            return split
    return "train"


def remember_labels(firsts: dict[str, int], example: Any, number: int) -> None:
    """Notes the number of an example for each of its labels that none before had."""
    for label in labels_of(example):
        if label not in firsts and len(firsts) < LABELS:
            firsts[label] = number


def divide(
    task: AnyTask,
    config: TrainingConfig,
    writer: FolderWriter,
    size: int,
    most: int,
    notes: list[str],
    progress: Callable[[int], None],
) -> tuple[list[int], TrainingConfig]:
    """Reads the data of a configuration once, and writes each example to its split.

    Args:
        task, config: say how to read; the task reads one by one.
        writer: of the folder.
        size: bytes of the data.
        most: examples of validation and of test, at most.
        notes: receives sentences that people should see.
        progress: is called with the number of examples now and then.

    Returns the numbers of the training examples that are the first with a label, and the configuration with what
    follows from the examples. Raises as the task does, and :class:`DataError` for data that cannot be divided.
    """
    options: Any = config
    examples = reading(task, config, options.data, notes)
    first = list(islice(examples, _FIRST))
    config = task.recipe(config, Splits(first, [], []))
    average = sum(map(len, map(writer.forms.write, first))) / max(1, len(first))
    given = {split: getattr(config, f"{split}_data", None) for split in ("valid", "test")}
    about = max(1.0, size / max(1.0, average))
    shares = {
        split: min(getattr(config, f"{split}_fraction"), most / about) for split, data in given.items() if not data
    }
    divider = Divider(writer, key_of(task, config), config.seed_of_splits, shares, most)
    for number, example in enumerate(chain(first, examples), 1):
        divider.add(example)
        if number % 10_000 == 0:
            progress(number)
    for split, data in given.items():
        for example in reading(task, config, data, notes) if data else ():
            divider.hold_out(split, example)
    _check(task, writer, divider)
    notes.append(_sentence(writer, shares))
    return sorted(set(divider.firsts.values())), config


def reading(task: AnyTask, config: TrainingConfig, data: str, notes: list[str]) -> Iterator[Any]:
    """The examples of a file, one after the other."""
    assert isinstance(task, ReadsOneByOne)
    return task.each_example(config, data, notes)


def key_of(task: AnyTask, config: TrainingConfig) -> Callable[[Any], Any]:
    """Of an example, what equal inputs have in common."""
    if getattr(config, "group_column", None):
        return lambda example: example.group
    return lambda example: input_key(task, example)


def _check(task: AnyTask, writer: FolderWriter, divider: Divider) -> None:
    """Raises :class:`DataError` for splits that nothing can be learned from or scored on."""
    for split in ("train", "valid", "test"):
        if not writer.count(split):
            raise DataError(f"the {split} split is empty; give more examples, or a file for the split")
    if len(divider.firsts) == 1 and task.metric == "accuracy":
        (only,) = divider.firsts
        raise DataError(f"there is only one class, {shown(only)}; add examples of another")
    if task.topology == "many to one":
        for split, known in divider.known.items():
            for label, example in known.items():
                if label not in divider.firsts and len(divider.firsts) < LABELS:
                    what = f"label {shown(label)} is in the {split} split alone; correct it or add examples"
                    raise DataError(what, example.location)


def _sentence(writer: FolderWriter, shares: dict[str, float]) -> str:
    drawn = " and ".join(f"{writer.count(split):,} to {split}" for split in shares)
    drawing = f"splits were made by a hash of each input: {drawn}; " if drawn else ""
    unseen = "duplicates and contradicting labels were not looked for"
    return f"the data are too large to be read as a whole: {drawing}{unseen}"
