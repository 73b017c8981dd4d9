"""Pairs of texts to batches and back: what tasks share that read one sequence and write another.

B batch, S source tokens, T target tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.data import DataError, Tokenizer, Vocabulary
from seqkit.data.batching import pad
from seqkit.data.pairs import Pair
from seqkit.data.placeholders import SLOTS, find_placeholders, is_slot, mask, slot, unmask
from seqkit.data.spacing import Spacing, plain_spaces
from seqkit.data.subwords import learn_tokenizer, load_tokenizer
from seqkit.data.vocab import PAD, UNK
from seqkit.errors import UsageError
from seqkit.topologies import Codec, EncodingReport

START, END = "<s>", "</s>"
"""What the decoder reads first, and writes last."""


class PairItem(NamedTuple):
    """Tokens of a source and, where known, of its target, and the placeholders that slots of the source stand for."""

    source: Tensor
    target: Tensor | None
    placeholders: tuple[str, ...]


class PairBatch(NamedTuple):
    """Sources (B, S) with lengths (B), and what the decoder reads and is to say (B, T), -1 at padding."""

    tokens: Tensor
    lengths: Tensor
    placeholders: Sequence[tuple[str, ...]]
    owed: Sequence[Sequence[int]]
    """Target symbols that each translation must have"""
    inputs: Tensor | None = None
    targets: Tensor | None = None
    target_lengths: Tensor | None = None


@dataclass(frozen=True)
class Side:
    """Texts of one side to symbols and back. Slots are special symbols of the vocabulary."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary

    def encode(self, masked: str) -> list[int]:
        """The symbols of a text whose placeholders are slots."""
        known = self.vocabulary
        special = known.specials
        return [
            known.special(token) if is_slot(token) and token in special else known.index(token)
            for token in self.tokenizer.split(masked)
        ]

    def decode(self, symbols: Sequence[int]) -> str:
        """A text with slots."""
        return self.tokenizer.join(self.vocabulary.decode(symbols))

    @property
    def slots(self) -> list[int]:
        """The symbols of the slots, in order."""
        return [number for number, symbol in enumerate(self.vocabulary.specials) if is_slot(symbol)]


@dataclass(frozen=True)
class PairCodec(Codec):
    """Pairs of texts to batches, and symbols to a text."""

    source: Side
    target: Side
    spacing: Spacing

    def encode(self, raw: str, example: Pair | None = None) -> PairItem:
        """Symbols of the source, and of the first reference with an end."""
        slots = len(self.source.slots)
        masked, placeholders = mask(plain_spaces(raw), slots=slots)
        source = torch.tensor(self.source.encode(masked), dtype=torch.int32)
        if example is None:
            return PairItem(source, None, placeholders)
        target, _ = mask(plain_spaces(example.references[0]), placeholders, slots)
        symbols = [*self.target.encode(target), self.target.vocabulary.special(END)]
        return PairItem(source, torch.tensor(symbols, dtype=torch.int32), placeholders)

    def account(self, raw: str, example: Pair | None = None) -> EncodingReport:
        """Symbols of the source, and those that are unknown."""
        masked, _ = mask(plain_spaces(raw), slots=len(self.source.slots))
        tokens, vocabulary = self.source.tokenizer.split(masked), self.source.vocabulary
        return EncodingReport(len(tokens), 0, [t for t in tokens if not is_slot(t) and t not in vocabulary])

    def length(self, item: PairItem) -> int:
        """Tokens of the longer side."""
        return max(len(item.source), 0 if item.target is None else len(item.target))

    def collate(self, items: Sequence[PairItem]) -> PairBatch:
        """A batch; it has targets if every item has."""
        tokens, lengths = pad([item.source for item in items], self.source.vocabulary.pad)
        batch = PairBatch(tokens, lengths, [item.placeholders for item in items], [self._owed(item) for item in items])
        known = [item.target for item in items if item.target is not None]
        if not items or len(known) < len(items):
            return batch
        targets, target_lengths = pad(known, -1)
        first = torch.full((len(items), 1), self.target.vocabulary.special(START))
        inputs = torch.cat([first, targets[:, :-1].clamp(min=self.target.vocabulary.pad)], 1)
        return batch._replace(inputs=inputs, targets=targets, target_lengths=target_lengths)

    def write(self, symbols: Sequence[int], placeholders: Sequence[str]) -> str:
        """The text that target symbols stand for."""
        return unmask(self.spacing.apply(self.target.decode(symbols)), placeholders)

    def names(self, item: PairItem) -> tuple[list[str], list[str]]:
        """The tokens of both sides as a reader knows them."""
        symbols = [[] if side is None else side.tolist() for side in (item.source, item.target)]
        sides = zip((self.source, self.target), symbols, strict=True)
        source, target = ([unmask(t, item.placeholders) for t in s.vocabulary.decode(n)] for s, n in sides)
        return source, target

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the encoder reads, and what the decoder reads and writes."""
        return {"encoder.embedding": self.source.vocabulary, "decoder.embedding": self.target.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``source.json``, ``target.json`` and ``spacing.json``."""
        sides = {"source.json": self.source, "target.json": self.target}
        files = {
            name: {"tokenizer": side.tokenizer.to_json(), **side.vocabulary.to_json()} for name, side in sides.items()
        }
        return {**files, "spacing.json": self.spacing.to_json()}

    def _owed(self, item: PairItem) -> list[int]:
        there = dict(zip(self.source.slots, self.target.slots, strict=True))
        return [there[symbol] for symbol in item.source.tolist() if symbol in there]


def learn_codec(
    pairs: Sequence[tuple[str, str]],
    tokenizers: tuple[str, str],
    max_symbols: int,
    min_count: int = 1,
    joint: bool = False,
) -> PairCodec:
    """Tokenizers (names for source and target) and vocabularies of the training part, both at most so large."""
    most = min(SLOTS, max((len(find_placeholders(source)) for source, _ in pairs), default=0))
    specials = (PAD, UNK, START, END, *map(slot, range(most)))
    masked: tuple[list[str], list[str]] = ([], [])
    for source, target in pairs:
        text, placeholders = mask(plain_spaces(source), slots=most)
        masked[0].append(text)
        masked[1].append(mask(plain_spaces(target), placeholders, most)[0])

    def side(name: str, texts: list[str]) -> Side:
        tokens = learn_tokenizer(name, texts, max_symbols)
        return Side(tokens, Vocabulary.build(map(tokens.split, texts), min_count, max_symbols, specials))

    spacing = Spacing.learn(target for _, target in pairs)
    if joint:
        if tokenizers[0] != tokenizers[1]:
            raise UsageError(f"joint tokens need one tokenizer, not {tokenizers[0]} and {tokenizers[1]}")
        both = side(tokenizers[0], [*masked[0], *masked[1]])
        return PairCodec(both, both, spacing)
    return PairCodec(side(tokenizers[0], masked[0]), side(tokenizers[1], masked[1]), spacing)


def load_codec(files: Mapping[str, Any]) -> PairCodec:
    """The codec of a run, from the content of its files."""
    sides = []
    for name in ("source.json", "target.json"):
        vocabulary = Vocabulary.from_json(files[name], name)
        missing = {START, END} - set(vocabulary.specials)
        if missing or "tokenizer" not in files[name]:
            raise DataError(f"{name} lacks its tokenizer, {START} or {END}; restore it from a copy")
        sides.append(Side(load_tokenizer(files[name]["tokenizer"]), vocabulary))
    return PairCodec(sides[0], sides[1], Spacing(**files["spacing.json"]))
