"""Texts, in memory or in files of any size, as the numbers of their tokens, and back.

N tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqkit.data.corpus import Stretch, memory_map
from seqkit.data.tokenizers import Tokenizer, tokenizer_from_json
from seqkit.data.vocab import Vocabulary

_LONGEST_CHARACTER = 4
"""Bytes of the longest character in UTF-8."""


class Text(NamedTuple):
    """A text as numbers, and what they stand for."""

    tokens: np.ndarray
    """(N), perhaps a memory map"""
    characters: int
    """Code points, in the normal form of the tokenizer"""
    unknown: int
    """Tokens that training has not seen"""


@dataclass(frozen=True)
class TokenReader:
    """What is learned to read texts and to write them."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    reverse: bool = False
    """Whether texts are read from their end"""

    @staticmethod
    def fields_of(files: Mapping[str, Any]) -> dict[str, Any]:
        """The fields by name, from the files of a codec; raises :class:`DataError` naming the file that is wrong."""
        vocab = files["vocab.json"]
        vocabulary = Vocabulary.from_json(vocab, "vocab.json")
        return {
            "tokenizer": tokenizer_from_json(vocab["tokenizer"]),
            "vocabulary": vocabulary,
            "reverse": bool(vocab.get("reverse")),
        }

    @property
    def start(self) -> int:
        """The token before the first of a text: a line break, else a full stop, else an unknown token.

        It must be one that training has read: after any other a model may write nonsense and never recover.
        """
        ends = [token for text in ("\n", ".") for token in self.tokenizer.split(text) if token in self.vocabulary]
        return self.vocabulary.index(ends[0]) if ends else self.vocabulary.unk

    def read(self, raw: str | Stretch) -> Text:
        """All tokens of a text in the order in which they are read; those of a stretch of files as a memory map."""
        unknown = characters = 0

        def numbers_of(text: str) -> list[int]:
            # Unknown tokens are counted here: counting them in the map would bring every page of it into memory.
            nonlocal unknown, characters
            text = self.tokenizer.normal(text)
            characters += len(text)
            numbers = self.vocabulary.encode(self.tokenizer.split(text))
            unknown += numbers.count(self.vocabulary.unk)
            return numbers

        if isinstance(raw, str):
            numbers = numbers_of(raw)
            tokens = np.array(numbers[::-1] if self.reverse else numbers, dtype=np.int64)
        else:
            tokens = memory_map(map(numbers_of, raw.blocks()), len(self.vocabulary))
            tokens = tokens[::-1] if self.reverse else tokens
        return Text(tokens, characters, unknown)

    def decode(self, numbers: Iterator[int], before: str = "") -> Iterator[str]:
        """The text of numbers that come one by one, in pieces, each as soon as it is certain.

        Where tokens are bytes, pieces are whole characters. ``before`` is the text that they continue from: it decides
        whether a space comes before a word.
        """
        context = self.tokenizer.split(before)[-1:]
        pending: list[str] = []
        for number in numbers:
            pending.append(self.vocabulary.symbols[number])
            text = self.tokenizer.join([*context, *pending])
            # The bytes of a character end in U+FFFD until they are complete; four that do so never will be.
            if text.endswith("\ufffd") and len(pending) < _LONGEST_CHARACTER:
                continue
            yield text[len(self.tokenizer.join(context)) :]
            context, pending = pending, []
        if pending:
            yield self.tokenizer.join(pending)

    def decode_reversed(self, numbers: Iterator[int], after: str = "") -> str:
        """The text of numbers in the order in which a reversed model writes them: from its end, before ``after``."""
        written = [self.vocabulary.symbols[number] for number in numbers][::-1]
        context = self.tokenizer.split(after)[:1]
        whole = self.tokenizer.join([*written, *context])
        return whole[: len(whole) - len(self.tokenizer.join(context))]
