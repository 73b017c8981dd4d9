"""The n-grams of many texts at once, found in arrays.

M texts, N tokens of all of them, S symbols that n-grams are made of, F n-grams known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from itertools import chain, pairwise, repeat
from typing import NamedTuple

import numpy as np

_TEXTS = 1024
"""Texts that are searched at a time: memory is bounded, and short ones fit into a processor's cache."""
_STAMPS = 1 << 20
"""Places of the table in which the n-grams of some texts are marked, 4 MB"""


class Level(NamedTuple):
    """The beginnings of n-grams of one size."""

    keys: np.ndarray
    """``S · parent + symbol``, sorted; the parent is the number of the beginning without its last token"""
    begins: np.ndarray
    """Where the keys of each parent begin, and where those of the last one end"""
    rows: np.ndarray
    """The row of the n-gram that each is; -1: it only begins longer ones"""


class Tree(NamedTuple):
    """All n-grams of tokens: a beginning of n tokens is found by the number of the one before it and its last token."""

    levels: Sequence[Level]
    symbols: int
    """S"""
    rows: int
    """F, those of n-grams of letters among them"""


class Tokens(NamedTuple):
    """The tokens of M texts, U different ones."""

    places: np.ndarray
    """The number of each among the different ones (N)"""
    sizes: np.ndarray
    """How many each text has (M)"""
    symbols: np.ndarray
    """Of each different one, -1 where no n-gram has it (U)"""
    letters: np.ndarray
    """The rows of the n-grams of letters of all different ones, 32 bits"""
    letter_sizes: np.ndarray
    """How many of them each different one has (U)"""


Find = Callable[[Tree, Tokens], tuple[np.ndarray, np.ndarray]]
"""From n-grams and texts to the rows of all texts, 32 bits, each once in a text, and where each text ends (M)"""


class _Runs(NamedTuple):
    """Runs of rows, each of one text."""

    rows: np.ndarray
    """Those of all runs"""
    texts: np.ndarray
    """The text of each run"""
    starts: np.ndarray
    """Where each run begins among the rows"""
    sizes: np.ndarray
    """How many rows it has"""


class GramSearch:
    """Finds what :meth:`NgramCounts.encode` does, in the same order, for many texts in a sixth of the time.

    Args:
        numbers: n-gram to its row, F of them.
        order: n of the longest that is looked for.
        letters: the rows of the n-grams of a token's letters, as bytes of numbers of 32 bits; None: there are none.
    """

    def __init__(
        self, numbers: Mapping[tuple[str, ...], int], order: int, letters: Callable[[str], bytes] | None = None
    ) -> None:
        self._letters = letters
        grams = [gram for gram in numbers if len(gram) <= order]
        self._symbols = {s: number for number, s in enumerate(dict.fromkeys(chain.from_iterable(grams)))}
        sizes = _sizes(grams)
        rows = np.fromiter(map(numbers.__getitem__, grams), np.int32, len(grams))
        symbols = np.fromiter(map(self._symbols.__getitem__, chain.from_iterable(grams)), np.int64)
        levels = [*_levels(rows, sizes, symbols, len(self._symbols))]
        self._tree = Tree(levels, len(self._symbols), len(numbers))

    def find(self, texts: Sequence[Sequence[str]], find: Find | None = None) -> list[np.ndarray]:
        """The rows of the n-grams of each text (K, int32), each once; ``find`` None: with numpy."""
        found: list[np.ndarray] = []
        for start in range(0, len(texts), _TEXTS):
            rows, ends = (find or find_in_arrays)(self._tree, self._tokens(texts[start : start + _TEXTS]))
            found += [rows[begin:end] for begin, end in pairwise([0, *ends.tolist()])]
        return found

    def _tokens(self, texts: Sequence[Sequence[str]]) -> Tokens:
        tokens = list(chain.from_iterable(texts))
        # Of each token that comes up, once: what Python looks up costs most.
        different = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
        places = np.fromiter(map(different.__getitem__, tokens), np.int64, len(tokens))
        symbols = np.fromiter(map(self._symbols.get, different, repeat(-1)), np.int64, len(different))
        spelled = [b""] * len(different) if self._letters is None else [*map(self._letters, different)]
        letters = np.frombuffer(bytearray().join(spelled), np.int32)
        return Tokens(places, _sizes(texts), symbols, letters, _sizes(spelled) // letters.itemsize)


def find_in_arrays(tree: Tree, tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """:data:`Find` with numpy, for all places of all texts at once."""
    return _once_each(*_in_order(_runs(tree, tokens), len(tokens.sizes)), tree.rows)


def _runs(tree: Tree, tokens: Tokens) -> Iterator[_Runs]:
    """All that the texts have: single tokens, pairs and so on, and then letters, token by token."""
    texts, sizes = np.arange(len(tokens.sizes)), tokens.sizes
    owners, ends = np.repeat(texts, sizes), np.repeat(np.cumsum(sizes), sizes)
    for rows, places in _sequences(tree, tokens.symbols[tokens.places], ends):
        counts = np.bincount(owners[places], minlength=len(texts))
        yield _Runs(rows, texts, np.cumsum(counts) - counts, counts)
    if len(tokens.letters):
        counts = tokens.letter_sizes
        yield _Runs(tokens.letters, owners, (np.cumsum(counts) - counts)[tokens.places], counts[tokens.places])


def _sequences(tree: Tree, symbols: np.ndarray, ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each size the rows of n-grams of tokens, and where these begin; ``ends`` are those of texts (N)."""
    places, nodes = np.arange(len(symbols)), np.zeros(len(symbols), np.int64)
    for size, level in enumerate(tree.levels):
        inside = places + size < ends[places]
        places, nodes = places[inside], nodes[inside]
        last = symbols[places + size]
        keys = np.where(last < 0, -1, nodes * tree.symbols + last)
        nodes = np.searchsorted(level.keys, keys)
        nodes[nodes == len(level.keys)] = 0
        found = level.keys[nodes] == keys
        places, nodes = places[found], nodes[found]
        rows = level.rows[nodes]
        yield rows[rows >= 0], places[rows >= 0]


def _once_each(rows: np.ndarray, ends: np.ndarray, known: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of texts, of which there are so many, without those that a text has before, and where texts end then."""
    together = max(1, _STAMPS // max(1, known))
    begins = np.concatenate([[0], ends])
    table = np.empty(min(together, len(ends)) * known, np.int32)
    marks = rows + np.repeat(np.arange(len(ends)) % together * known, np.diff(begins))
    first, numbers = np.empty(len(rows), bool), np.arange(len(rows), dtype=np.int32)
    for start in range(0, len(ends), together):
        part = slice(begins[start], begins[min(start + together, len(ends))])
        # Backwards, so that the first of several is what stays.
        table[marks[part][::-1]] = numbers[part][::-1]
        np.equal(table[marks[part]], numbers[part], out=first[part])
    kept = np.flatnonzero(first)
    return rows[kept], np.searchsorted(kept, ends)


def _levels(rows: np.ndarray, sizes: np.ndarray, symbols: np.ndarray, known: int) -> Iterator[Level]:
    """The tree of n-grams, whose symbols come one n-gram after the other."""
    starts, parents, before = np.cumsum(sizes) - sizes, np.zeros(len(rows), np.int64), 1
    for size in range(1, 1 + int(sizes.max(initial=0))):
        long = sizes >= size
        rows, sizes, starts, parents = rows[long], sizes[long], starts[long], parents[long]
        keys, parents = np.unique(parents * known + symbols[starts + size - 1], return_inverse=True)
        begins = np.searchsorted(keys, known * np.arange(before + 1))
        own = np.full(len(keys), -1, np.int32)
        own[parents[sizes == size]] = rows[sizes == size]
        before = len(keys)
        yield Level(keys, begins, own)


def _in_order(runs: Iterator[_Runs], texts: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows, text by text, in the order of the runs, and where each text ends."""
    each = list(runs)
    if not each:
        return np.empty(0, np.int32), np.zeros(texts, np.int64)
    begins = np.cumsum([0, *(len(run.rows) for run in each)])
    owners = np.concatenate([run.texts for run in each])
    # Of 16 bits, which are sorted in one pass.
    order = np.argsort(owners.astype(np.int16), kind="stable")
    starts = np.concatenate([run.starts + begin for run, begin in zip(each, begins, strict=False)])[order]
    sizes = np.concatenate([run.sizes for run in each])[order]
    ends = np.cumsum(sizes)
    places = np.repeat(starts - ends + sizes, sizes)
    places += np.arange(len(places))
    per_text = np.bincount(owners[order], sizes, texts).astype(np.int64)
    return np.concatenate([run.rows for run in each])[places], np.cumsum(per_text)


def _sizes(rows: Sequence[Sized]) -> np.ndarray:
    return np.fromiter(map(len, rows), np.int64, len(rows))
