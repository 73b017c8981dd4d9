"""N-grams of texts and how many texts of each class have them.

K n-grams of a text, F n-grams known, C classes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import numpy as np

from seqkit.data.inputs.gram_search import Find, GramSearch
from seqkit.data.readers import DataError

_ORDER = {"word": 2}
"""Longest n-gram for a tokenizer: pairs of words..."""
_LETTERS = 4
"""... and four characters or bytes: about as many as a short word has"""
_SPELLED = {"word": 5}
"""Longest n-gram of letters inside a word, its ends included, for a tokenizer that gives words."""
_SPELLED_TOKENS = 1_000_000
"""Of more training tokens no letters are counted: few words are new then, and letters take the places of pairs of
words. The counts of 20,000 film reviews (4.6 million tokens) alone label 0.854 of others correctly with letters, 0.880
without; a model trained on 6,000 of them 0.880 and 0.890."""
_MOST = 100_000
"""N-grams known at most, the most frequent: 4 MB in a run of two classes."""
_HELD = 10 * _MOST
"""N-grams counted at a time, at most: 22,500 film reviews have 1.1 million different ones, most in a single review."""
_KEPT = 32_768
"""Tokens whose letters are looked up once, at most: the first that come, among which the frequent ones are."""
_FEW = 8
"""Texts of which each is looked up alone: that is faster than in arrays."""
_SPELLING = "\x1e"
"""The first of the two parts of an n-gram of letters: the record separator, which is not a token."""
_SEPARATOR = "\x1f"
"""Between the tokens of an n-gram in a file: the unit separator, which no token holds."""


@dataclass(frozen=True)
class NgramCounts:
    """How many training texts of each class have an n-gram.

    Args:
        order: n of the longest.
        spelled: n of the longest n-gram of letters inside a token; 0: none are counted.
        numbers: n-gram to its row in ``counts``, F of them.
        counts: F rows of C whole numbers.
        weighted: whether a model learns how far the evidence of each n-gram holds.
        sampled: the counts are of a sample of the training texts.
        regression: whether a model has a logistic regression of n-grams beside them.
    """

    order: int
    spelled: int
    numbers: Mapping[tuple[str, ...], int]
    counts: Sequence[Sequence[int]]
    weighted: bool = False
    sampled: bool = False
    regression: bool = False
    _kept: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def learn(
        cls,
        texts: Sequence[Sequence[str]],
        labels: Sequence[int],
        classes: int,
        tokenizer: str,
        weighted: bool = False,
    ) -> NgramCounts:
        """Of texts as tokens, and the number of each one's class, in memory that has a bound."""
        order, spelled = _ORDER.get(tokenizer, _LETTERS), _SPELLED.get(tokenizer, 0)
        if sum(map(len, texts)) > _SPELLED_TOKENS:
            spelled = 0
        rows = dict[tuple[str, ...], list[int]]()
        for tokens, label in zip(texts, labels, strict=True):
            for gram in _ngrams(tokens, order, spelled):
                if gram not in rows:
                    rows[gram] = [0] * classes
                rows[gram][label] += 1
            if len(rows) > _HELD:
                rows = _most_frequent(rows, _HELD // 2)
        # In one order, whatever Python's seed of hashes: sums of floats, and so the weights, depend on it.
        known = sorted(rows, key=lambda gram: (-sum(rows[gram]), gram))[:_MOST]
        numbers = {gram: number for number, gram in enumerate(known)}
        return cls(order, spelled, numbers, [rows[gram] for gram in known], weighted)

    def of_tokens(self) -> list[bool]:
        """Of each row, F, whether its n-gram is one of tokens, not of letters inside a token."""
        return [gram[0] != _SPELLING for gram in self.numbers]

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """The rows of the n-grams that a text has (K), each once, in the order of the text."""
        # Of rows, not of n-grams, each once: encoding takes a third of the time.
        rows = map(self.numbers.get, _sequences(tokens, self.order))
        letters = b"".join(map(self._rows_of_letters, tokens)) if self.spelled else b""
        found = dict.fromkeys(chain(rows, np.frombuffer(letters, np.int32).tolist()))
        found.pop(None, None)
        return list(found)

    def encode_many(self, texts: Sequence[Sequence[str]], find: Find | None = None) -> list[np.ndarray]:
        """:meth:`encode` of each text, as numbers of 32 bits; ``find`` as of :meth:`GramSearch.find`."""
        if len(texts) < _FEW:
            return [np.array(self.encode(tokens), np.int32) for tokens in texts]
        return self._search.find(texts, find)

    @cached_property
    def _search(self) -> GramSearch:
        return GramSearch(self.numbers, self.order, self._rows_of_letters if self.spelled else None)

    def _rows_of_letters(self, token: str) -> bytes:
        """The rows of the n-grams of a token's letters, numbers of 32 bits; those of the first tokens are kept."""
        rows = self._kept.get(token)
        if rows is None:
            numbers = (self.numbers[gram] for gram in _letters(token, self.spelled) if gram in self.numbers)
            rows = array("i", numbers).tobytes()
            if len(self._kept) < _KEPT:
                self._kept[token] = rows
        return rows

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "order": self.order,
            "spelled": self.spelled,
            "ngrams": [_SEPARATOR.join(gram) for gram in self.numbers],
            "counts": [list(row) for row in self.counts],
            "weighted": self.weighted,
            **({"sampled": True} if self.sampled else {}),
            **({"regression": True} if self.regression else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], file: str, classes: int) -> NgramCounts:
        """What :meth:`to_json` described; raises :class:`DataError` naming the file for anything else."""
        try:
            grams, counts, order = value["ngrams"], value["counts"], int(value["order"])
            # Runs of 0.2.0 count no letters, and have no weights.
            spelled = int(value.get("spelled", 0))
            weighted = value.get("weighted", False) is True
            whole = all(len(row) == classes and all(isinstance(count, int) for count in row) for row in counts)
        except (TypeError, KeyError, ValueError):
            whole = False
        if not whole or len(grams) != len(counts) or len(set(grams)) != len(grams):
            raise DataError(f"{file} must hold n-grams and a count of each for every class; restore it from a backup")
        numbers = {tuple(gram.split(_SEPARATOR)): number for number, gram in enumerate(grams)}
        sampled, regression = (value.get(name) is True for name in ("sampled", "regression"))
        return cls(order, spelled, numbers, counts, weighted, sampled, regression)


def _ngrams(tokens: Sequence[str], order: int, spelled: int) -> Iterable[tuple[str, ...]]:
    """All n-grams up to an order, and those of letters, each once, in an order that no seed of hashes changes."""
    letters = (_letters(token, spelled) for token in tokens) if spelled else ()
    return dict.fromkeys(chain(_sequences(tokens, order), chain.from_iterable(letters)))


def _sequences(tokens: Sequence[str], order: int) -> Iterable[tuple[str, ...]]:
    """All n-grams of tokens up to an order."""
    # zip of shifted texts takes a third of the time of slices.
    sizes = (zip(*(tokens[k:] for k in range(size)), strict=False) for size in range(1, order + 1))
    return chain.from_iterable(sizes)


# Of the frequent words alone: a word takes about 3 KB, and a collection of reviews has a hundred thousand.
@lru_cache(maxsize=8_192)
def _letters(token: str, longest: int) -> tuple[tuple[str, ...], ...]:
    """The n-grams of two letters and more of a token with a space on either side, in lower case."""
    word = f" {token.lower()} "
    sizes = range(2, min(longest, len(word)) + 1)
    return tuple((_SPELLING, word[k : k + size]) for size in sizes for k in range(len(word) - size + 1))


def _most_frequent(rows: dict[tuple[str, ...], list[int]], most: int) -> dict[tuple[str, ...], list[int]]:
    """The rows above the smallest count that leaves no more than this many."""
    least = 1
    while len(rows) > most:
        rows = {gram: row for gram, row in rows.items() if sum(row) > least}
        least += 1
    return rows
