"""Problems that show what a cell remembers: random sequences, with what is to be answered and where.

L words of a sequence. The word ``?`` asks for an answer; a sequence without one asks at every word.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from seqkit.data.questions import ASK
from seqkit.data.readers import SourceLocation
from seqkit.data.splits import SPLIT_NAMES, Splits
from seqkit.data.tagged import Sentence

BLANK = "."
"""The word that says nothing"""
NOTHING = "-"
"""The tag of a word at which nothing is asked"""
SHORTEST = 8
"""Words of the shortest sequence: fewer have no room for a problem."""
_SYMBOLS, _DIGITS = "abcdefgh", "0123456789"
_COPIED, _PAIRS, _DEEPEST = 8, 4, 6
_BRACKETS = {"(": ")", "[": "]"}
_ARRANGEMENTS = {"s": (1, 0, 2), "r": (1, 2, 0)}
"""The words of s3, a swap and a rotation, as which place each of three things comes from"""

Drawn = tuple[list[str], list[str]]
"""L words and as many tags"""


class Problem(NamedTuple):
    """How a sequence of L words is generated, and what it is about."""

    draw: Callable[[random.Random, int], Drawn]
    summary: str


def _adding(generator: random.Random, length: int) -> Drawn:
    """Hochreiter and Schmidhuber, 1997, with digits in place of real numbers, so that the answer is one of 19."""
    words = generator.choices(_DIGITS, k=length - 1)
    half = (length - 1) // 2
    marked = [generator.randrange(half), generator.randrange(half, length - 1)]
    total = sum(int(words[place]) for place in marked)
    for place in marked:
        words[place] = f"+{words[place]}"
    return [*words, ASK], [NOTHING] * (length - 1) + [str(total)]


def _copy(generator: random.Random, length: int) -> Drawn:
    """Arjovsky, Shah and Bengio, 2016 (arXiv:1511.06464): what was read first is written at the end."""
    count = min(_COPIED, length // 3)
    symbols = generator.choices(_SYMBOLS, k=count)
    blanks = [BLANK] * (length - 2 * count)
    return [*symbols, *blanks, *[ASK] * count], [NOTHING] * (length - count) + symbols


def _parity(generator: random.Random, length: int) -> Drawn:
    words, ones, tags = generator.choices("01", k=length), 0, []
    for word in words:
        ones += word == "1"
        tags.append("odd" if ones % 2 else "even")
    return words, tags


def _recall(generator: random.Random, length: int) -> Drawn:
    """Pairs of a key and a value lie among blanks; then each key comes again, in another order, for its value."""
    pairs = min(_PAIRS, length // 4)
    values = dict(zip(generator.sample(_SYMBOLS, pairs), generator.choices(_DIGITS, k=pairs), strict=True))
    slots = length - 3 * pairs
    places, written = set(generator.sample(range(slots), pairs)), iter(values.items())
    words = [word for slot in range(slots) for word in (next(written) if slot in places else [BLANK])]
    keys = generator.sample([*values], pairs)
    questions = [word for key in keys for word in (key, ASK)]
    answers = [tag for key in keys for tag in (NOTHING, values[key])]
    return words + questions, [NOTHING] * len(words) + answers


def _brackets(generator: random.Random, length: int) -> Drawn:
    """Nested brackets (a Dyck language with two kinds); each closing one is to be predicted."""
    open_ones, words, tags = list[str](), list[str](), list[str]()
    for place in range(length):
        closes = bool(open_ones) and (len(open_ones) == _DEEPEST or place == length - 1 or generator.random() < 0.5)
        words.append(ASK if closes else generator.choice([*_BRACKETS]))
        tags.append(_BRACKETS[open_ones.pop()] if closes else NOTHING)
        if not closes:
            open_ones.append(words[-1])
    return words, tags


def _s3(generator: random.Random, length: int) -> Drawn:
    """The word problem of the symmetric group S3: the order of three things after some swaps and rotations."""
    words, things, tags = generator.choices([*_ARRANGEMENTS], k=length), (0, 1, 2), []
    for word in words:
        things = tuple(things[place] for place in _ARRANGEMENTS[word])  # type: ignore[assignment]
        tags.append("".join("abc"[thing] for thing in things))
    return words, tags


PROBLEMS = {
    "adding": Problem(_adding, "digits, two of them marked +; their sum at the end"),
    "copy": Problem(_copy, "eight symbols, blanks, and the same symbols at the end"),
    "parity": Problem(_parity, "zeros and ones; whether the ones so far are odd or even"),
    "recall": Problem(_recall, "keys with their values among blanks; the value of each key when it comes again"),
    "brackets": Problem(_brackets, "nested brackets of two kinds; which one closes"),
    "s3": Problem(_s3, "swaps and rotations of three things; their order at each step"),
}


def lengths_of_test(length: int) -> tuple[int, ...]:
    """A quarter, a half, once, twice and four times the longest length of training."""
    return tuple(max(SHORTEST, length * parts // 4) for parts in (1, 2, 4, 8, 16))


def memory_problem(problem: str, length: int, sequences: int, tested: int, seed: int) -> Splits[Sentence]:
    """Sequences of a problem for training, validation and test.

    Training and validation (a tenth as many) have random lengths from a tenth of ``length`` to all of it, so that the
    short ones teach what the long ones need; the test has ``tested`` sequences of each of :func:`lengths_of_test`.

    Args:
        problem: a name of :data:`PROBLEMS`.
        length: the longest of training.
        sequences: to train on.
        tested: of each length in the test.
        seed: of everything random.
    """
    shortest = max(SHORTEST, length // 10)

    def of_random_lengths(generator: random.Random, count: int) -> Iterator[int]:
        yield from (generator.randint(shortest, max(shortest, length)) for _ in range(count))

    generators = [random.Random(f"{seed} {problem} {split}") for split in SPLIT_NAMES]
    lengths = (
        [*of_random_lengths(generators[0], sequences)],
        [*of_random_lengths(generators[1], max(1, sequences // 10))],
        [each for each in lengths_of_test(length) for _ in range(tested)],
    )
    drawn = (
        [_sentence(problem, split, generator, number, each) for number, each in enumerate(of_split, 1)]
        for split, generator, of_split in zip(SPLIT_NAMES, generators, lengths, strict=True)
    )
    return Splits(*drawn)


def _sentence(problem: str, split: str, generator: random.Random, number: int, length: int) -> Sentence:
    words, tags = PROBLEMS[problem].draw(generator, length)
    return Sentence(tuple(words), tuple(tags), SourceLocation(f"{problem}-{split}", number))
