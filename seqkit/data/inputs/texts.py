"""Texts, and two texts that are read together, as the numbers of their tokens and n-grams.

T tokens of a text, K n-grams of an input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, NamedTuple

import numpy as np

from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.data.readers import DataError, read_pair
from seqkit.data.tokenizers import Tokenizer, tokenizer_from_json
from seqkit.data.vocab import Vocabulary

_TOGETHER = 1024
"""Inputs whose tokens are in memory at a time"""
_OF_SECOND = "\t"
"""Before the tokens of a second text where n-grams are counted; no text of a pair has a tab in it."""


class ReadText(NamedTuple):
    """An input as numbers of 32 bits: the tokens (T) of its text, or of both, and its n-grams (K), if any count."""

    sides: Sequence[np.ndarray]
    ngrams: np.ndarray | None


class TextReader:
    """What is learned to read texts.

    Args:
        tokens: splits a text.
        vocabulary: the tokens that have a number of their own.
        max_tokens: a longer text is truncated to this many.
        ngrams: counts of n-grams, for a head that has a prior of them.
        texts: how many make an input: 1, or 2 that are read by one encoder.
    """

    def __init__(
        self,
        tokens: Tokenizer,
        vocabulary: Vocabulary,
        max_tokens: int,
        ngrams: NgramCounts | None = None,
        texts: int = 1,
    ) -> None:
        self.tokenizer, self.vocabulary, self.max_tokens = tokens, vocabulary, max_tokens
        self.ngrams, self.texts = ngrams, texts

    def split(self, text: str) -> list[str]:
        """The tokens that are read of a text, ``max_tokens`` at most."""
        return self.tokenizer.split(text)[: self.max_tokens]

    def sides(self, raw: str | Sequence[str]) -> Sequence[str]:
        """The text of an input, or the two of a pair; raises :class:`DataError` for what is not a pair."""
        return read_pair(raw).sides if self.texts == 2 else (str(raw),)

    def read(self, raw: str | Sequence[str]) -> ReadText:
        """Token numbers, cut to ``max_tokens``, and those of n-grams."""
        (read,) = self.read_many([raw])
        return read

    def read_many(self, inputs: Sequence[str | Sequence[str]]) -> list[ReadText]:
        """:meth:`read` of each, in less time."""
        starts = range(0, len(inputs), _TOGETHER)
        return [read for start in starts for read in self._read_together(inputs[start : start + _TOGETHER])]

    def ngram_rows(self, ngrams: NgramCounts, texts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The rows of the n-grams of texts, given as tokens; a subclass may have a faster way to find them."""
        return ngrams.encode_many(texts)

    def _read_together(self, inputs: Sequence[str | Sequence[str]]) -> Iterator[ReadText]:
        split = [[self.split(side) for side in self.sides(raw)] for raw in inputs]
        sides = iter(self.vocabulary.encode_many([tokens for row in split for tokens in row]))
        grams = repeat(None) if self.ngrams is None else self.ngram_rows(self.ngrams, [joined(row) for row in split])
        for row, found in zip(split, grams, strict=False):
            yield ReadText([*islice(sides, len(row))], found)


def load_texts(files: Mapping[str, Any]) -> tuple[Tokenizer, Vocabulary, int, int]:
    """Tokenizer, vocabulary, ``max_tokens`` and ``texts`` from ``vocab.json``.

    Raises :class:`DataError` naming the file if it is wrong.
    """
    vocab = files["vocab.json"]
    vocabulary = Vocabulary.from_json(vocab, "vocab.json")
    # Runs of one text do not say so.
    texts = vocab.get("texts", 1)
    if texts not in (1, 2):
        raise DataError("vocab.json must say that an input is 1 text or 2; restore it from a backup")
    return tokenizer_from_json(vocab["tokenizer"]), vocabulary, int(vocab["max_tokens"]), texts


def joined(sides: Sequence[list[str]]) -> list[str]:
    """The tokens of a text as n-grams are made of them; those of the second text of a pair are told apart."""
    if len(sides) == 1:
        return sides[0]
    return [*sides[0], _OF_SECOND, *(_OF_SECOND + token for token in sides[1])]
