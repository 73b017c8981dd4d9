"""Texts, in memory or in files of any size, to tokens and back.

N tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqkit.data import Tokenizer, Vocabulary, tokenizer, tokenizer_from_json
from seqkit.data.corpus import Stretch, memory_map
from seqkit.topologies.codec import Codec, EncodingReport
from seqkit.topologies.next_step.options import NextStepOptions

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
class StreamCodec(Codec[Stretch, Text, list[Text]]):
    """Texts, or stretches of text files, to numbers, and numbers to text."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    reverse: bool = False
    """Whether texts are read from their end"""

    @classmethod
    def learn(cls, config: NextStepOptions, train: Sequence[Stretch]) -> StreamCodec:
        """The vocabulary of the training split."""
        tokens = tokenizer(config.tokenizer, normal_form=config.normal_form)
        blocks = (tokens.split(block) for stretch in train for block in stretch.blocks())
        return cls(tokens, Vocabulary.build(blocks, config.min_count, config.max_symbols), config.reverse)

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> StreamCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        vocab = files["vocab.json"]
        vocabulary = Vocabulary.from_json(vocab, "vocab.json")
        return cls(tokenizer_from_json(vocab["tokenizer"]), vocabulary, bool(vocab.get("reverse")))

    @property
    def start(self) -> int:
        """The token before the first of a text: a line break, else a full stop, else an unknown token.

        It must be one that training has read: after any other a model may write nonsense and never recover.
        """
        ends = [token for text in ("\n", ".") for token in self.tokenizer.split(text) if token in self.vocabulary]
        return self.vocabulary.index(ends[0]) if ends else self.vocabulary.unk

    def encode(self, raw: str | Stretch, example: Stretch | None = None) -> Text:
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

        Where tokens are bytes, pieces are whole characters. ``before`` is the text that they go on from: it decides
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

    def length(self, item: Text) -> int:
        """Tokens."""
        return len(item.tokens)

    def collate(self, items: Sequence[Text]) -> list[Text]:
        """The texts as they are: padded to one tensor, a batch of them might not fit into memory."""
        return list(items)

    def encoding_report(self, raw: str | Stretch, example: Stretch | None = None) -> EncodingReport:
        """Tokens, and those that are unknown; nothing is cut."""
        symbols, unknown = 0, list[str]()
        for block in [raw] if isinstance(raw, str) else raw.blocks():
            tokens = self.tokenizer.split(block)
            symbols += len(tokens)
            unknown += [token for token in tokens if token not in self.vocabulary]
        return EncodingReport(symbols, 0, unknown)

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the decoder reads and writes."""
        return {"decoder.embedding": self.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json``."""
        # Runs that read forward have the file that they always had.
        direction = {"reverse": True} if self.reverse else {}
        return {"vocab.json": {"tokenizer": self.tokenizer.to_json(), **direction, **self.vocabulary.to_json()}}
