"""Texts, in memory or in files of any size, to tokens and back.

N tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqkit.data import Vocabulary, tokenizer
from seqkit.data.corpus import Stretch
from seqkit.data.inputs.tokens import Text, TokenReader
from seqkit.topologies.codec import Codec, EncodingReport
from seqkit.topologies.next_step.options import NextStepOptions

__all__ = ["StreamCodec", "Text"]


@dataclass(frozen=True)
class StreamCodec(TokenReader, Codec[Stretch, Text, list[Text]]):
    """Texts, or stretches of text files, to numbers, and numbers to text."""

    @classmethod
    def learn(cls, config: NextStepOptions, train: Sequence[Stretch]) -> StreamCodec:
        """The vocabulary of the training split."""
        tokens = tokenizer(config.tokenizer, normal_form=config.normal_form)
        blocks = (tokens.split(block) for stretch in train for block in stretch.blocks())
        return cls(tokens, Vocabulary.build(blocks, config.min_count, config.max_symbols), config.reverse)

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> StreamCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        return cls(**cls.fields_of(files))

    def encode(self, raw: str | Stretch, example: Stretch | None = None) -> Text:
        """See :meth:`TokenReader.read`."""
        return self.read(raw)

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
