"""Which target symbols each source symbol stands for, learned from pairs of sequences alone.

P pairs of one block, S source symbols, T target symbols of the longest, W widths: 0 … the widest graphone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Aligner", "Graphone", "SymbolPair"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
SymbolPair = tuple[Sequence[int], Sequence[int]]
"""Source symbols and target symbols"""
Graphone = tuple[int, tuple[int, ...]]
"""A source symbol and the target symbols it stands for"""

_MOST_WIDE = 4
"""Target symbols of a graphone, at most: those of a Korean syllable, and one more."""
_ROUNDS = 8
"""Of expectation and maximisation; alignments of 3,600 words hardly change after six."""
_LEARNED = 8_000_000
"""Places that probabilities are learned from, at most, evenly spread: those of some 40,000 words"""
_BLOCK = 400_000
"""Places computed together, some 10 MB: a thousand words"""
_LONGEST = 100
"""Source symbols of a pair that is aligned, at most"""
_FIRST = {0: 0.3, 1: 1.0}
"""What a graphone of this many target symbols weighs at first; ..."""
_FIRST_WIDE = 0.1
"""... and one of more"""


class Aligner:
    """Monotone alignments ``x_1 … x_S`` to ``y_1 … y_T``: each source symbol takes none, one or several target symbols.

    The probability of a graphone is learned by expectation and maximisation over all alignments of all pairs, from
    first weights that prefer one symbol to one.

    Args:
        pairs: what is learned from.

    Source: Jiampojamarn, Kondrak and Sherif, "Applying many-to-many alignments and hidden Markov models to
    letter-to-phoneme conversion", 2007 (N07-1047).
    """

    def __init__(self, pairs: Sequence[SymbolPair]) -> None:
        ratios = [len(target) / len(source) for source, target in pairs if len(source)]
        self.widest = min(_MOST_WIDE, 1 + math.ceil(float(np.median(ratios)))) if ratios else 1
        self._base = 2 + max((symbol for _, target in pairs for symbol in target), default=0)
        sources = 1 + max((symbol for source, _ in pairs for symbol in source), default=0)
        while sources * self._base**self.widest > np.iinfo(np.int64).max:
            self.widest -= 1
        places = sum(self._places(len(source), len(target)) for source, target in pairs if len(source) <= _LONGEST)
        step = max(1, math.ceil(places / _LEARNED))
        blocks = list(self._blocks(pairs[::step]))
        self._keys = np.unique(np.concatenate([block.keys.ravel() for block in blocks] or [np.zeros(0, np.int64)]))
        self._probabilities = self._first()
        indices = [np.searchsorted(self._keys, block.keys) for block in blocks]
        for _ in range(_ROUNDS):
            counts = np.zeros(len(self._keys))
            for block, index in zip(blocks, indices, strict=True):
                expected = block.expected(self._probabilities[index])
                counts += np.bincount(index.ravel(), expected.ravel(), len(counts))
            counts[self._keys < 0] = 0
            self._probabilities = counts / max(1e-300, counts.sum())

    def align(self, pairs: Sequence[SymbolPair]) -> list[list[Graphone] | None]:
        """The likeliest graphones of each pair; None for one that has more target symbols than its source can take."""
        aligned: list[list[Graphone] | None] = [None] * len(pairs)
        for block in self._blocks(pairs):
            index = np.searchsorted(self._keys, block.keys).clip(max=len(self._keys) - 1)
            known = self._keys[index] == block.keys
            probabilities = np.where(known, self._probabilities[index], 0.0).clip(min=1e-9)
            probabilities[block.keys < 0] = 0.0
            for row, widths in zip(block.rows, block.best(probabilities), strict=True):
                aligned[row] = list(_graphones(*pairs[row], widths.tolist()))
        return aligned

    def _first(self) -> Floats:
        """The weights of graphones before anything is learned; those that are not possible have none."""
        targets = np.maximum(self._keys, 0) % self._base**self.widest
        widths = sum((targets >= self._base**power).astype(np.int64) for power in range(self.widest))
        weights = np.array([_FIRST.get(width, _FIRST_WIDE) for width in range(self.widest + 1)])
        return np.where(self._keys < 0, 0.0, weights[widths])

    def _places(self, source: int, target: int) -> int:
        """How many graphones a pair of this many symbols could have, at each symbol and before each target symbol."""
        return source * (target + 1) * (self.widest + 1)

    def _blocks(self, pairs: Sequence[SymbolPair]) -> Iterator[_Block]:
        """Pairs with as many source symbols each, that can be aligned."""
        rows = defaultdict(list)
        for row, (source, target) in enumerate(pairs):
            if 0 < len(source) <= _LONGEST and len(target) <= self.widest * len(source):
                rows[len(source)].append(row)
        for length in sorted(rows):
            size = max(1, _BLOCK // self._places(length, self.widest * length))
            for first in range(0, len(rows[length]), size):
                chosen = rows[length][first : first + size]
                yield _Block.of(chosen, [pairs[row] for row in chosen], self.widest, self._base)


@dataclass(frozen=True)
class _Block:
    """Pairs with S source symbols each.

    Args:
        rows: their numbers.
        keys: the graphone of each place (P, S, T + 1, W): of a source symbol, from how many target symbols before it,
            and how many of its own; -1 where there are not this many.
        lengths: target symbols (P).
    """

    rows: Sequence[int]
    keys: Integers
    lengths: Integers

    @classmethod
    def of(cls, rows: Sequence[int], pairs: Sequence[SymbolPair], widest: int, base: int) -> _Block:
        """The block of these pairs; a graphone is a number whose digits are its symbols."""
        lengths = np.array([len(target) for _, target in pairs])
        longest = int(lengths.max())
        sources = np.array([source for source, _ in pairs], np.int64)
        targets = np.full((len(pairs), longest + widest), -1, np.int64)
        for row, (_, target) in enumerate(pairs):
            targets[row, : len(target)] = target
        digits = np.zeros((len(pairs), longest + 1, widest + 1), np.int64)
        for width in range(1, widest + 1):
            following = targets[:, width - 1 : width + longest]
            before = digits[:, :, width - 1]
            missing = (following < 0) | (before < 0)
            digits[:, :, width] = np.where(missing, -1, before * base + following + 1)
        beyond = np.arange(longest + 1) > lengths[:, None]
        digits[beyond] = -1
        keys = sources[:, :, None, None] * base**widest + digits[:, None]
        return cls(rows, np.where(digits[:, None] < 0, -1, keys), lengths)

    def expected(self, probabilities: Floats) -> Floats:
        """How often each graphone is expected in all alignments of its pair, by forward and backward sums."""
        forward, backward = self._forward(probabilities), self._backward(probabilities)
        whole = forward[np.arange(len(self.lengths)), -1, self.lengths]
        expected = np.zeros_like(probabilities)
        width, columns = probabilities.shape[3], probabilities.shape[2]
        for taken in range(width):
            reached = backward[:, 1:, taken:]
            expected[:, :, : columns - taken, taken] = (
                forward[:, :-1, : columns - taken] * probabilities[:, :, : columns - taken, taken] * reached
            )
        scale = np.divide(1.0, whole, out=np.zeros_like(whole), where=whole > 0)
        scaled: Floats = expected * scale[:, None, None, None]
        return scaled

    def best(self, probabilities: Floats) -> Integers:
        """The widths (P, S) of the likeliest alignment."""
        pairs, length, columns, widths = probabilities.shape
        with np.errstate(divide="ignore"):
            costs = np.log(probabilities)
        reached = np.full((pairs, columns), -np.inf)
        reached[:, 0] = 0.0
        chosen = np.zeros((pairs, length, columns), np.int64)
        for place in range(length):
            options = np.full((widths, pairs, columns), -np.inf)
            for taken in range(widths):
                options[taken, :, taken:] = reached[:, : columns - taken] + costs[:, place, : columns - taken, taken]
            chosen[:, place], reached = options.argmax(0), options.max(0)
        return self._traced_back(chosen)

    def _traced_back(self, chosen: Integers) -> Integers:
        pairs, length, _ = chosen.shape
        end, widths = self.lengths.copy(), np.zeros((pairs, length), np.int64)
        for place in range(length - 1, -1, -1):
            widths[:, place] = chosen[np.arange(pairs), place, end]
            end -= widths[:, place]
        return widths

    def _forward(self, probabilities: Floats) -> Floats:
        """The sum over all alignments of the first source symbols to this many target symbols (P, S + 1, T + 1)."""
        pairs, length, columns, widths = probabilities.shape
        sums = np.zeros((pairs, length + 1, columns))
        sums[:, 0, 0] = 1.0
        for place in range(length):
            for taken in range(widths):
                within = columns - taken
                sums[:, place + 1, taken:] += sums[:, place, :within] * probabilities[:, place, :within, taken]
        return sums

    def _backward(self, probabilities: Floats) -> Floats:
        """The same of what comes after."""
        pairs, length, columns, widths = probabilities.shape
        sums = np.zeros((pairs, length + 1, columns))
        sums[np.arange(pairs), -1, self.lengths] = 1.0
        for place in range(length - 1, -1, -1):
            for taken in range(widths):
                within = columns - taken
                sums[:, place, :within] += sums[:, place + 1, taken:] * probabilities[:, place, :within, taken]
        return sums


def _graphones(source: Sequence[int], target: Sequence[int], widths: Sequence[int]) -> Iterator[Graphone]:
    done = 0
    for symbol, width in zip(source, widths, strict=True):
        yield symbol, tuple(target[done : done + width])
        done += width
