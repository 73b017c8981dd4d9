"""Training, validation and test splits: whole groups of examples, at random by a seed.

Examples with the same content are a group and stay together, or the test would ask what training has shown. A run
resumes only if its seed still draws the same splits, in the same order: shuffles and draws here never change
(``tests/data/test_recorded_splits.py`` holds them).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import DataError, Example, SourceLocation, shown
from seqkit.errors import UsageError

T = TypeVar("T")

SPLIT_NAMES = ("train", "valid", "test")
"""The fields of :class:`Splits`; a folder with splits of its own has folders of these names."""


@dataclass(frozen=True)
class Splits(Generic[T]):
    """The examples for training, validation and test; no content is in two of them."""

    train: list[T]
    valid: list[T]
    test: list[T]


class HasText(Protocol):
    """An example of a text."""

    @property
    def text(self) -> str:
        """The text."""
        ...


X = TypeVar("X", bound=HasText)


def stratified(
    examples: Sequence[X],
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    label: Callable[[X], str] = attrgetter("label"),
    unit: Callable[[X], Hashable] | None = None,
) -> Splits[X]:
    """Random splits with the same mix of labels; exact duplicates of a text stay in one split, or what is one ``unit``.

    Raises :class:`UsageError` for fractions that leave nothing to train on.
    """
    _check_fractions(valid_fraction, test_fraction)
    rest, test = split_off(examples, test_fraction, seed, label, unit)
    # Another seed, or validation would draw the same positions from what is left as the test did.
    train, valid = split_off(rest, valid_fraction / (1 - test_fraction), seed + 1, label, unit)
    return Splits(train, valid, test)


def split_off(
    examples: Sequence[X],
    fraction: float,
    seed: int,
    label: Callable[[X], str] = attrgetter("label"),
    unit: Callable[[X], Hashable] | None = None,
) -> tuple[list[X], list[X]]:
    """A random fraction of the examples of each label split off: (the examples left, those split off).

    At least one text of each label is split off, unless the fraction is 0, and at least one is left. Both lists keep
    the order of the examples. Raises :class:`UsageError` for a fraction below 0, or of 1 and more.
    """
    if not 0 <= fraction < 1:
        raise UsageError(f"a fraction of {fraction} cannot be split off; it must be at least 0 and below 1")
    strata: dict[str, list[list[int]]] = defaultdict(list)
    for group in _grouped(range(len(examples)), lambda n: unit(examples[n]) if unit else _plain(examples[n])):
        strata[_most_frequent(label(examples[number]) for number in group)].append(group)
    drawn: set[int] = set()
    generator = random.Random(seed)
    # Sorted, so that the order in which labels first appear does not matter.
    for stratum in sorted(strata):
        groups = strata[stratum]
        # Groups are drawn one by one, not examples: a duplicate would otherwise end up in two splits.
        generator.shuffle(groups)
        size = max(fraction > 0, round(fraction * sum(map(len, groups))))
        drawn.update(_draw(deque(groups), size))
    left = [example for number, example in enumerate(examples) if number not in drawn]
    return left, [examples[number] for number in sorted(drawn)]


def shuffled_splits(
    examples: Sequence[T],
    content: Callable[[T], Hashable],
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    unit: str,
    last_first: bool = False,
) -> Splits[T]:
    """Random splits by fractions of the examples; each split is in random order, equal contents side by side.

    A split with a fraction above 0 is never empty, nor is training.

    Args:
        examples: what to divide.
        content: what examples must share to stay together.
        valid_fraction, test_fraction: of the examples; a split of 0 stays empty.
        seed: of the shuffle.
        unit: what a content is, for errors.
        last_first: draw the shuffled contents from the end.

    Raises:
        UsageError: for fractions that leave nothing to train on.
        DataError: for fewer contents than splits.
    """
    _check_fractions(valid_fraction, test_fraction)
    fractions = {"valid": valid_fraction, "test": test_fraction}
    sizes = {name: max(1, round(fraction * len(examples))) if fraction else 0 for name, fraction in fractions.items()}
    return _deal(_grouped(examples, content), sizes, seed, unit, last_first)


def ordered_splits(
    examples: Sequence[T],
    content: Callable[[T], str],
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    unit: str,
) -> Splits[T]:
    """Random splits by fractions of the different contents; each split keeps the order of the examples.

    Which split an example is in depends on the contents and the seed, not on the order of the examples. A fraction
    above 0 gets one content at least, and a third of them at most. Arguments and errors are those of
    :func:`shuffled_splits`.
    """
    _check_fractions(valid_fraction, test_fraction)
    # A set has another order in each process (strings are hashed with a random key), so it must be sorted.
    contents = sorted({content(example) for example in examples})
    fractions = {"test": test_fraction, "valid": valid_fraction}
    # Of a handful of sequences large fractions would leave almost nothing to learn from: a third is the most.
    sizes = {
        name: max(1, min(round(fraction * len(contents)), len(contents) // 3)) if fraction else 0
        for name, fraction in fractions.items()
    }
    dealt = _deal([[one] for one in contents], sizes, seed, unit)
    sides = (set(dealt.train), set(dealt.valid), set(dealt.test))
    return Splits(*([example for example in examples if content(example) in side] for side in sides))


def cut_points(size: int, fractions: Sequence[float]) -> list[int]:
    """Where something of that size is cut into contiguous splits, one for each fraction, in their order."""
    return [int(size * sum(fractions[:number])) for number in range(1, len(fractions))]


def check_classes(examples: Sequence[Example], splits: int = 3) -> None:
    """Raises :class:`DataError` for a single class, and for a class with fewer different texts than splits."""
    texts: dict[str, set[str]] = defaultdict(set)
    locations: dict[str, SourceLocation] = {}
    for example in examples:
        texts[example.label].add(example.text.strip())
        locations.setdefault(example.label, example.location)
    if not texts:
        raise DataError("there are no examples; give labelled texts of at least two classes")
    if len(texts) < 2:
        (only,) = texts
        raise DataError(
            f"there is only one class, {shown(only)}; add examples of another", locations[only], of_row=False
        )
    for label, different in sorted(texts.items()):
        if len(different) < splits:
            raise DataError(
                f"class {shown(label)} has {len(different)} different text{'s' if len(different) > 1 else ''}, but the "
                f"{splits} splits (training, validation, test) need {splits}; add examples or remove the class",
                locations[label],
                of_row=False,
            )


def shared_texts(a: Sequence[HasText], b: Sequence[HasText]) -> int:
    """How many examples of ``b`` have a text that is in ``a``."""
    known = {_plain(example) for example in a}
    return sum(_plain(example) in known for example in b)


def _plain(example: HasText) -> str:
    """What copies of a text have in common, whatever form of Unicode they are in."""
    return canonical(example.text.strip())


def _check_fractions(valid: float, test: float) -> None:
    if valid + test >= 1:
        raise UsageError(f"validation {valid} and test {test} leave nothing to train on; lower one")


def _most_frequent(labels: Iterable[str]) -> str:
    counts = Counter(labels)
    # Copies of a text may have different labels; the group needs one stratum, and ties must not depend on the order.
    return min(counts, key=lambda label: (-counts[label], label))


def _grouped(examples: Iterable[T], content: Callable[[T], Hashable]) -> list[list[T]]:
    """The examples by their content, in the order in which contents first appear."""
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for example in examples:
        groups[content(example)].append(example)
    return list(groups.values())


def _deal(groups: list[list[T]], sizes: Mapping[str, int], seed: int, unit: str, last_first: bool = False) -> Splits[T]:
    """Groups in random order: first to the splits in ``sizes``, in their order, and what is left to training."""
    later = sum(size > 0 for size in sizes.values())
    if len(groups) <= later:
        *first, last = (_FULL_NAMES[name] for name in SPLIT_NAMES if sizes.get(name, 1))
        raise DataError(
            f"{len(groups)} different {unit}{'' if len(groups) == 1 else 's'} cannot be divided into "
            f"{' and '.join([*filter(None, [', '.join(first)]), last])}; add {unit}s"
        )
    random.Random(seed).shuffle(groups)
    deck = deque(reversed(groups) if last_first else groups)
    dealt: dict[str, list[T]] = {}
    for name, size in sizes.items():
        later -= size > 0
        dealt[name] = _draw(deck, size, leave=1 + later)
    left = reversed(deck) if last_first else deck
    return Splits(train=[example for group in left for example in group], **dealt)


def _draw(deck: deque[list[T]], size: int, leave: int = 1) -> list[T]:
    """Takes whole groups from the front of the deck until they have ``size`` examples; ``leave`` groups stay in it.

    A text that appears a thousand times is one group: without ``leave``, the next split could find the deck empty.
    """
    drawn: list[T] = []
    while len(drawn) < size and len(deck) > leave:
        drawn += deck.popleft()
    return drawn


_FULL_NAMES = {"train": "training", "valid": "validation", "test": "test"}
