"""Sentences with a label for each word to batches and back.

B batch, T words of a sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.data import DataError, Vocabulary, tokenizer
from seqkit.data.batching import pad
from seqkit.data.punctuation import MARKED, bare
from seqkit.data.tagged import Sentence
from seqkit.data.vocab import PAD, UNK
from seqkit.layers.words import Words
from seqkit.topologies import Codec, EncodingReport

_SPELLED = ("encoder.embedding.speller.encoder.embedding", "encoder.embedding.speller.embedding")
"""The embedding of characters in a head, where a recurrent layer reads them and where a convolution does."""
_LONGEST = 32
"""Characters of a word that are read."""


class TagBatch(NamedTuple):
    """Sentences: their words as texts and as the encoder reads them, lengths (B), and labels (B, T) where known.

    A label of -1 is padding, or one that training has not seen.
    """

    words: Sequence[tuple[str, ...]]
    inputs: Words
    lengths: Tensor
    targets: Tensor | None = None


class TagItem(NamedTuple):
    """A sentence: its words as texts and as numbers (T), and the numbers of its labels (T) where known."""

    words: tuple[str, ...]
    tokens: Tensor
    targets: Tensor | None


@dataclass(frozen=True)
class TagCodec(Codec):
    """Sentences to batches, labels to numbers."""

    vocabulary: Vocabulary
    counts: Sequence[int]
    """How often each symbol of the vocabulary was seen in training"""
    alphabet: Vocabulary
    labels: tuple[str, ...]
    label_counts: Sequence[int]
    scheme: str | None
    lowercase: bool
    spelled_below: int
    """Words seen as often as this are not spelled; 0: all are"""

    def encode(self, raw: str | Sequence[str], example: Sentence | None = None) -> TagItem:
        """A typed sentence, or its words as they are; with an example, its labels go along."""
        words = self.words(raw) if isinstance(raw, str) else tuple(raw)
        plain = [word.lower() for word in words] if self.lowercase else words
        tokens = torch.tensor(self.vocabulary.encode(plain), dtype=torch.int32)
        if example is None:
            return TagItem(words, tokens, None)
        numbers = {label: number for number, label in enumerate(self.labels)}
        return TagItem(words, tokens, torch.tensor([numbers.get(tag, -1) for tag in example.tags], dtype=torch.int32))

    def words(self, text: str) -> tuple[str, ...]:
        """The words of a typed sentence."""
        return tuple(bare(text) if self.scheme == MARKED else tokenizer("word", lowercase=False).split(text))

    def account(self, raw: str | Sequence[str], example: Sentence | None = None) -> EncodingReport:
        """Words, and those that are unknown."""
        words = self.words(raw) if isinstance(raw, str) else tuple(raw)
        plain = [word.lower() if self.lowercase else word for word in words]
        return EncodingReport(len(words), 0, [word for word in plain if word not in self.vocabulary])

    def length(self, item: TagItem) -> int:
        """Words."""
        return len(item.words)

    def collate(self, items: Sequence[TagItem]) -> TagBatch:
        """A batch; it has labels if every item has."""
        tokens, lengths = pad([item.tokens for item in items], self.vocabulary.pad)
        inputs = Words(tokens, *self._spelled(items))
        targets = [item.targets for item in items if item.targets is not None]
        known = pad(targets, -1)[0] if targets and len(targets) == len(items) else None
        return TagBatch([item.words for item in items], inputs, lengths, known)

    def _spelled(self, items: Sequence[TagItem]) -> tuple[Tensor, Tensor, Tensor]:
        """The rest of :class:`Words`: every spelling once; words that are seen often have the empty one."""
        rows = {"": 0}
        often = self.spelled_below or max(self.counts) + 1
        numbers = [
            [
                rows.setdefault(word, len(rows)) if self.counts[number] < often else 0
                for word, number in zip(item.words, item.tokens.tolist(), strict=True)
            ]
            for item in items
        ]
        return pad(numbers)[0], *pad([self.alphabet.encode(_shortened(word)) for word in rows])

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """Words, and the characters of their spelling."""
        return {"encoder.embedding.words": self.vocabulary, **dict.fromkeys(_SPELLED, self.alphabet)}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json``, ``characters.json`` and ``labels.json``."""
        options = {"lowercase": self.lowercase, "spelled_below": self.spelled_below}
        vocab = {**options, **self.vocabulary.to_json(), "counts": list(self.counts)}
        labels = {"scheme": self.scheme, "labels": list(self.labels), "counts": list(self.label_counts)}
        return {"vocab.json": vocab, "characters.json": self.alphabet.to_json(), "labels.json": labels}


def learn_codec(
    train: Sequence[Sentence],
    labels: Sequence[str] | None = None,
    scheme: str | None = None,
    *,
    lowercase: bool = True,
    spelled_below: int = 0,
    min_count: int = 1,
    max_symbols: int | None = None,
) -> TagCodec:
    """Words, characters and, unless given, labels of the training part; options are those of :class:`TagCodec`."""
    counts = Counter(word.lower() if lowercase else word for s in train for word in s.words)
    repeated = ([word] * count for word, count in counts.items())
    vocabulary = Vocabulary.build(repeated, min_count, max_symbols)
    seen = [0 if symbol in (PAD, UNK) else counts[symbol] for symbol in vocabulary.symbols]
    alphabet = Vocabulary.build({word for sentence in train for word in sentence.words}, 2)
    tags = Counter(tag for sentence in train for tag in sentence.tags)
    names = tuple(sorted(tags) if labels is None else labels)
    return TagCodec(vocabulary, seen, alphabet, names, [tags[n] for n in names], scheme, lowercase, spelled_below)


def _shortened(word: str) -> str:
    """Of a very long word, an address as a rule, its beginning and its end."""
    return word if len(word) <= _LONGEST else word[: _LONGEST // 2] + word[-_LONGEST // 2 :]


def load_codec(files: Mapping[str, Any]) -> TagCodec:
    """The codec of a run, from the content of its files."""
    vocab, labels = files["vocab.json"], files["labels.json"]
    vocabulary = Vocabulary.from_json(vocab, "vocab.json")
    alphabet = Vocabulary.from_json(files["characters.json"], "characters.json")
    names = labels.get("labels") if isinstance(labels, dict) else None
    if not isinstance(names, list) or not all(isinstance(label, str) for label in names):
        raise DataError("labels.json needs a list of texts 'labels'; restore it from a copy")
    return TagCodec(
        vocabulary,
        _counts(vocab, "vocab.json", len(vocabulary)),
        alphabet,
        tuple(names),
        _counts(labels, "labels.json", len(names)),
        labels.get("scheme"),
        bool(vocab.get("lowercase")),
        int(vocab.get("spelled_below", 0)),
    )


def _counts(values: dict[str, Any], file: str, length: int) -> list[int]:
    counts = values.get("counts")
    if not isinstance(counts, list) or len(counts) != length or not all(isinstance(count, int) for count in counts):
        raise DataError(f"{file} needs a list of {length} whole numbers 'counts'; restore it from a copy")
    return counts
