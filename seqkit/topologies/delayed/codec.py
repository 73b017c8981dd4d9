"""Pairs of texts to batches and back: what tasks share that read one sequence and write another.

B batch, S source tokens, T target tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.data import Vocabulary
from seqkit.data.batching import pad
from seqkit.data.inputs.joint_ngrams import JointNgrams
from seqkit.data.inputs.pair_memory import PairMemory
from seqkit.data.inputs.pairs import END, START, PairReader, Side
from seqkit.data.joint import learn_joint_ngrams
from seqkit.data.normal_forms import NFC
from seqkit.data.pairs import Pair
from seqkit.data.placeholders import SLOTS, find_placeholders, is_slot, mask, unmask
from seqkit.data.spacing import Spacing, plain_spaces
from seqkit.errors import UsageError
from seqkit.topologies.codec import Codec, EncodingReport

__all__ = ["END", "START", "PairBatch", "PairCodec", "PairItem", "Side"]


class PairItem(NamedTuple):
    """Tokens of a source and, where known, of its target, and the placeholders whose slots the source has."""

    source: Tensor
    target: Tensor | None
    placeholders: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """What is in the source for each of its unknown symbols"""
    masked: str = ""
    """The source with slots, where a memory may know one like it"""


class PairBatch(NamedTuple):
    """Sources (B, S) with lengths (B); what the decoder reads, and what it should write (B, T), -1 at padding."""

    tokens: Tensor
    lengths: Tensor
    placeholders: Sequence[tuple[str, ...]]
    required: Sequence[Sequence[int]]
    """For each source, target symbols that its output must have"""
    inputs: Tensor | None = None
    targets: Tensor | None = None
    target_lengths: Tensor | None = None
    unknown: Sequence[tuple[str, ...]] = ()
    """For each source, what is in it for its unknown symbols"""
    masked: Sequence[str] = ()
    """Each source with slots, where a memory may know one like it"""


@dataclass(frozen=True)
class PairCodec(PairReader, Codec[Pair, PairItem, PairBatch]):
    """Pairs of texts to batches, and symbols to a text; see :class:`PairReader`."""

    @classmethod
    def learn(
        cls,
        pairs: Sequence[tuple[str, str]],
        tokenizers: tuple[str, str],
        max_symbols: int,
        min_count: int = 1,
        joint: bool = False,
        normal_form: str = NFC,
        memory: int = 0,
        joint_ngrams: int = 0,
    ) -> PairCodec:
        """Tokenizers and vocabularies of the training split.

        Args:
            pairs: sources with their targets.
            tokenizers: names of those of source and target, see :data:`seqkit.data.subwords.WRITABLE`.
            max_symbols: the largest vocabulary of each side.
            min_count: a token seen less often is unknown.
            joint: whether both sides share one tokenizer and vocabulary.
            normal_form: of Unicode, of both sides, see :mod:`seqkit.data.normal_forms`.
            memory: the pairs are kept, to be looked up, if there are at most this many.
            joint_ngrams: the longest n-gram of aligned symbols that is counted; 0: none is.

        Raises:
            UsageError: for a joint vocabulary of different tokenizers.
        """
        slots = min(SLOTS, max((len(find_placeholders(source)) for source, _ in pairs), default=0))
        sources, targets = _masked(pairs, slots)
        spacing = Spacing.learn(target for _, target in pairs)
        kept = PairMemory(sources, targets) if len(pairs) <= memory else None
        if joint:
            if tokenizers[0] != tokenizers[1]:
                raise UsageError(f"joint tokens need one tokenizer, not {tokenizers[0]} and {tokenizers[1]}")
            both = Side.learn(tokenizers[0], [*sources, *targets], max_symbols, min_count, slots, normal_form)
            return cls(both, both, spacing, kept, _joint(both, both, sources, targets, joint_ngrams))
        sides = zip(tokenizers, (sources, targets), strict=True)
        source, target = (Side.learn(name, texts, max_symbols, min_count, slots, normal_form) for name, texts in sides)
        return cls(source, target, spacing, kept, _joint(source, target, sources, targets, joint_ngrams))

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> PairCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        return cls(**cls.fields_of(files))

    def encode(self, raw: str, example: Pair | None = None) -> PairItem:
        """Symbols of the source, and of the first reference with an end."""
        read = self.read(raw)
        source, others = torch.tensor(read.symbols, dtype=torch.int32), (read.placeholders, read.unknown, read.masked)
        if example is None:
            return PairItem(source, None, *others)
        target, _ = mask(plain_spaces(example.references[0]), read.placeholders, len(self.source.slots))
        symbols = [*self.target.encode(target), self.target.vocabulary.special(END)]
        return PairItem(source, torch.tensor(symbols, dtype=torch.int32), *others)

    def encoding_report(self, raw: str, example: Pair | None = None) -> EncodingReport:
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
        required = [self.required(item.source.tolist()) for item in items]
        unknown = [item.unknown for item in items]
        placeholders, masked = [item.placeholders for item in items], [item.masked for item in items]
        batch = PairBatch(tokens, lengths, placeholders, required, unknown=unknown, masked=masked)
        known = [item.target for item in items if item.target is not None]
        if not items or len(known) < len(items):
            return batch
        targets, target_lengths = pad(known, -1)
        first = torch.full((len(items), 1), self.target.vocabulary.special(START))
        inputs = torch.cat([first, targets[:, :-1].clamp(min=self.target.vocabulary.pad)], 1)
        return batch._replace(inputs=inputs, targets=targets, target_lengths=target_lengths)

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
        """``source.json``, ``target.json``, ``spacing.json``, and, where there are these, ``memory.json`` and
        ``joint.json``.
        """
        files = {
            "source.json": self.source.to_json(),
            "target.json": self.target.to_json(),
            "spacing.json": self.spacing.to_json(),
        }
        extra = {"memory.json": self.memory, "joint.json": self.joint}
        return {**files, **{name: part.to_json() for name, part in extra.items() if part is not None}}


def _joint(
    source: Side, target: Side, sources: Sequence[str], targets: Sequence[str], order: int
) -> JointNgrams | None:
    """The n-grams of the aligned symbols of both sides, up to this order."""
    if order == 0:
        return None
    pairs = [(source.encode(x), target.encode(y)) for x, y in zip(sources, targets, strict=True)]
    return learn_joint_ngrams(pairs, order)


def _masked(pairs: Sequence[tuple[str, str]], slots: int) -> tuple[list[str], list[str]]:
    """Sources and targets with slots in place of their placeholders."""
    sources, targets = [], []
    for source, target in pairs:
        masked, placeholders = mask(plain_spaces(source), slots=slots)
        sources.append(masked)
        targets.append(mask(plain_spaces(target), placeholders, slots)[0])
    return sources, targets
