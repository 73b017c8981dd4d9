"""The n-grams of aligned pairs, with the probabilities of Kneser and Ney.

L graphones of all pairs one after the other, N n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqkit.data.inputs.joint_ngrams import END, MARKS, ROOT, START, JointNgrams
from seqkit.data.joint.alignment import Aligner, Graphone, SymbolPair

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Order(NamedTuple):
    """The n-grams of one length, in the order of their numbers."""

    history: Integers
    """Of each, the number of the n-gram before its last graphone, among all"""
    graphone: Integers
    suffix: Integers
    """The number of the n-gram without its first graphone, among all"""
    times: Integers
    """How often it comes; but of all but the longest, how many different graphones come before it"""


def learn_joint_ngrams(pairs: Sequence[SymbolPair], order: int) -> JointNgrams | None:
    """The joint n-grams of pairs of symbols, up to this many graphones long; None if no pair can be aligned.

    Probabilities are ``p(g | h) = max(0, c(h g) - D) / c(h) + rest(h) p(g | h without its first)``, with discounts D
    for counts of 1, 2 and more, and counts of shorter n-grams by how many different graphones come before them.

    Source: Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999, section 3.
    """
    aligned = [graphones for graphones in Aligner(pairs).align(pairs) if graphones is not None]
    if not aligned:
        return None
    numbers: dict[Graphone, int] = {mark: number for number, mark in enumerate(MARKS)}
    sequences = [[START, *(numbers.setdefault(g, len(numbers)) for g in graphones), END] for graphones in aligned]
    orders = _counted(sequences, order)
    probability, rest = [np.zeros(1)], np.ones(1 + sum(len(level.graphone) for level in orders))
    for level in orders:
        share, left = _discounted(level, len(rest))
        lower = np.concatenate(probability)[level.suffix] if len(probability) > 1 else 1.0 / len(numbers)
        # Nothing follows an end, nor the longest n-grams: all is left to shorter ones.
        rest = np.where(left >= 0, left, rest)
        probability.append(share + rest[level.history] * lower)
    found = np.concatenate(probability)
    columns = [np.concatenate([[ROOT], *(getattr(level, name) for level in orders)]) for name in _Order._fields[:3]]
    history, graphone, suffix = (column.astype(np.int32) for column in columns)
    return JointNgrams(list(numbers), history, graphone, suffix, found.astype(np.float32), rest.astype(np.float32))


def _counted(sequences: Sequence[Sequence[int]], longest: int) -> list[_Order]:
    """The n-grams of each length; they are numbered from 1, the shorter first."""
    flat = np.concatenate([np.array(sequence, np.int64) for sequence in sequences])
    # How many graphones of its own sequence come before each.
    before = np.concatenate([np.arange(len(sequence)) for sequence in sequences])
    width, first, orders = int(flat.max()) + 1, 1, list[_Order]()
    ending: Integers = np.zeros(len(flat), np.int64)
    starting = list[npt.NDArray[np.bool_]]()
    for length in range(1, longest + 1):
        inside = np.flatnonzero(before >= length - 1)
        if not len(inside):
            break
        history = ending[inside - 1] if length > 1 else np.zeros(len(inside), np.int64)
        found, place, which, counts = np.unique(
            history * width + flat[inside], return_index=True, return_inverse=True, return_counts=True
        )
        numbered = np.full(len(flat), -1, np.int64)
        numbered[inside] = which + first
        orders.append(_Order(found // width, found % width, ending[inside[place]], counts))
        starting.append(before[inside[place]] == length - 1)
        ending, first = numbered, first + len(found)
    return _by_continuation(orders, starting)


def _by_continuation(orders: list[_Order], starting: list[npt.NDArray[np.bool_]]) -> list[_Order]:
    """Counts of all but the longest by how many n-grams end with them; those at a start have nothing before them."""
    first, counted = 1, list[_Order]()
    for level, longer, at_start in zip(orders, orders[1:], starting, strict=False):
        continued = np.bincount(longer.suffix, minlength=first + len(level.times))[first:]
        times = np.where(at_start, level.times, continued)
        counted.append(level._replace(times=times))
        first += len(level.times)
    shortest, *others = [*counted, orders[-1]]
    # A start is read and never predicted.
    return [shortest._replace(times=np.where(shortest.graphone == START, 0, shortest.times)), *others]


def _discounted(level: _Order, histories: int) -> tuple[Floats, Floats]:
    """The share that each n-gram keeps, and what is left to others after each history; -1 where none is known."""
    ones, twos, threes, fours = (max(1, int((level.times == times).sum())) for times in (1, 2, 3, 4))
    scale = ones / (ones + 2 * twos)
    discounts = [1 - 2 * scale * twos / ones, 2 - 3 * scale * threes / twos, 3 - 4 * scale * fours / threes]
    # With few counts the formulas give nonsense; a discount lies between nothing and the count.
    discount = np.array([0.0, *(min(max(0.1, d), n - 0.1) for n, d in enumerate(discounts, 1))])[
        level.times.clip(max=3)
    ]
    total = np.bincount(level.history, level.times, histories)
    left = np.bincount(level.history, discount, histories)
    share = (level.times - discount) / np.where(total > 0, total, 1)[level.history]
    return share, np.where(total > 0, left / np.where(total > 0, total, 1), -1.0)
