"""Training, validation and test parts."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from seqkit.data.readers import DataError, Example, SourceLocation, shown
from seqkit.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Splits(Generic[T]):
    """Three parts that share no text."""

    train: list[T]
    valid: list[T]
    test: list[T]


def stratified(examples: Sequence[Example], valid_fraction: float, test_fraction: float, seed: int) -> Splits[Example]:
    """Random parts with the same mix of labels; exact duplicates of a text stay on one side."""
    if valid_fraction + test_fraction >= 1:
        raise UsageError(f"validation {valid_fraction} and test {test_fraction} leave nothing to train on; lower one")
    rest, test = split_off(examples, test_fraction, seed)
    train, valid = split_off(rest, valid_fraction / (1 - test_fraction), seed + 1)
    return Splits(train, valid, test)


def split_off(examples: Sequence[Example], fraction: float, seed: int) -> tuple[list[Example], list[Example]]:
    """A random part of that size taken off: (what is left, the part).

    Of each label at least one text is taken, unless the fraction is 0, and at least one is left.
    """
    if not 0 <= fraction < 1:
        raise UsageError(f"a part of {fraction} can't be split off; give a fraction from 0 to less than 1")
    by_label: dict[str, list[list[int]]] = defaultdict(list)
    for group in _groups(examples).values():
        by_label[_label(examples, group)].append(group)
    taken: set[int] = set()
    generator = random.Random(seed)
    for label in sorted(by_label):
        groups = by_label[label]
        generator.shuffle(groups)
        wanted, count = max(fraction > 0, round(fraction * sum(map(len, groups)))), 0
        for group in groups[:-1]:
            if count >= wanted:
                break
            taken.update(group)
            count += len(group)
    left = [example for number, example in enumerate(examples) if number not in taken]
    return left, [examples[number] for number in sorted(taken)]


def check_classes(examples: Sequence[Example], parts: int = 3) -> None:
    """Refuses data with one class only, or a class with fewer different texts than there are parts to make."""
    texts: dict[str, set[str]] = defaultdict(set)
    locations: dict[str, SourceLocation] = {}
    for example in examples:
        texts[example.label].add(example.text.strip())
        locations.setdefault(example.label, example.location)
    if not texts:
        raise DataError("there are no examples; give labelled texts of at least two classes")
    if len(texts) < 2:
        (only,) = texts
        raise DataError(f"there is only one class, {shown(only)}; add examples of another", locations[only])
    for label, seen in sorted(texts.items()):
        if len(seen) < parts:
            raise DataError(
                f"class {shown(label)} has {len(seen)} different text{'s' if len(seen) > 1 else ''}, but the {parts} "
                f"parts to make (training, validation, test) need {parts}; add examples or take the class out",
                locations[label],
            )


def shared_texts(a: Sequence[Example], b: Sequence[Example]) -> int:
    """How many examples of ``b`` have a text that is in ``a``."""
    known = {example.text.strip() for example in a}
    return sum(example.text.strip() in known for example in b)


def _groups(examples: Sequence[Example]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(examples):
        groups[example.text.strip()].append(number)
    return groups


def _label(examples: Sequence[Example], group: list[int]) -> str:
    counts = Counter(examples[number].label for number in group)
    return min(counts, key=lambda label: (-counts[label], label))
