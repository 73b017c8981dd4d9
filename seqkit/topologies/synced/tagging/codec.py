"""Sentences with a label for each word to batches.

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
from seqkit.data.normal_forms import AS_IT_IS, check_form, normal
from seqkit.data.punctuation import MARKED, bare
from seqkit.data.tagged import Sentence
from seqkit.data.vocab import PAD, UNK
from seqkit.layers.words import Words
from seqkit.topologies.class_weights import (
    ClassWeights,
    choose_class_weights,
    class_weights_from_json,
    class_weights_to_json,
)
from seqkit.topologies.codec import Codec, EncodingReport, read_labels
from seqkit.topologies.synced.tagging.features import WordFeatures

_SPELLED = ("encoder.embedding.speller.encoder.embedding", "encoder.embedding.speller.embedding")
"""The embedding of characters in a head, where a recurrent layer reads them and where a convolution does."""
_FEATURES = "word_features.json"
_LONGEST = 32
"""Characters of a word that are read."""


class TagBatch(NamedTuple):
    """Sentences: their words as texts and as the encoder reads them, lengths (B), and labels (B, T) where known.

    A label of -1 is padding, or one that training has not seen. ``features`` (B, T, N) are padded; None: none count.
    """

    words: Sequence[tuple[str, ...]]
    inputs: Words
    lengths: Tensor
    targets: Tensor | None = None
    features: Tensor | None = None


class TagItem(NamedTuple):
    """A sentence: its words as texts and as numbers (T), and the numbers of its labels (T) where known.

    ``features`` are those of all words in a row, and how many each word has (T); see :class:`WordFeatures`.
    """

    words: tuple[str, ...]
    tokens: Tensor
    targets: Tensor | None
    features: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class TagCodec(Codec[Sentence, TagItem, TagBatch]):
    """Sentences to batches, labels to numbers."""

    vocabulary: Vocabulary
    counts: Sequence[int]
    """How often each symbol of the vocabulary was seen in training"""
    alphabet: Vocabulary
    labels: tuple[str, ...]
    label_counts: Sequence[int]
    """How often each label was seen in training"""
    scheme: str | None
    """What labels mean: one of :mod:`seqkit.data.schemes`, ``punctuation``, or None for plain labels"""
    lowercase: bool
    spelled_below: int
    """Words seen as often as this are not spelled; 0: all are"""
    class_weights: ClassWeights | None = None
    """Those of the labels in the loss; None: all are 1"""
    normal_form: str = AS_IT_IS
    """Of words, where they are looked up and spelled; as they are written they come out again"""
    features: WordFeatures | None = None
    """What a linear part of the head reads; None: there is none"""

    @classmethod
    def learn(
        cls,
        train: Sequence[Sentence],
        labels: Sequence[str] | None = None,
        scheme: str | None = None,
        *,
        lowercase: bool = True,
        spelled_below: int = 0,
        min_count: int = 1,
        max_symbols: int | None = None,
        class_weight: str | None = None,
        normal_form: str = AS_IT_IS,
        features: bool = False,
    ) -> TagCodec:
        """Words, characters and, unless they are given, labels and their weights, of the training split."""
        words = Counter(normal(word, normal_form) for sentence in train for word in sentence.words)
        counts: Counter[str] = Counter()
        for word, count in words.items():
            counts[word.lower() if lowercase else word] += count
        repeated = ([word] * count for word, count in counts.items())
        vocabulary = Vocabulary.build(repeated, min_count, max_symbols)
        seen = [0 if symbol in (PAD, UNK) else counts[symbol] for symbol in vocabulary.symbols]
        alphabet = Vocabulary.build(words, 2)
        tags = Counter(tag for sentence in train for tag in sentence.tags)
        names = tuple(sorted(tags) if labels is None else labels)
        weights = choose_class_weights(class_weight, names, tags)
        label_counts = [tags[name] for name in names]
        spelling = (lowercase, spelled_below)
        known = WordFeatures.learn((_normal(s.words, normal_form) for s in train), len(names)) if features else None
        return cls(vocabulary, seen, alphabet, names, label_counts, scheme, *spelling, weights, normal_form, known)

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> TagCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        vocab, labels = files["vocab.json"], files["labels.json"]
        vocabulary = Vocabulary.from_json(vocab, "vocab.json")
        alphabet = Vocabulary.from_json(files["characters.json"], "characters.json")
        names = read_labels(labels.get("labels") if isinstance(labels, dict) else None)
        return cls(
            vocabulary,
            _read_counts(vocab, "vocab.json", len(vocabulary)),
            alphabet,
            names,
            _read_counts(labels, "labels.json", len(names)),
            labels.get("scheme"),
            bool(vocab.get("lowercase")),
            int(vocab.get("spelled_below", 0)),
            class_weights_from_json(files, names),
            # Runs that are older than normal forms do not name one.
            check_form(str(vocab.get("normal_form", AS_IT_IS))),
            WordFeatures.from_json(files[_FEATURES], _FEATURES) if _FEATURES in files else None,
        )

    def encode(self, raw: str | Sequence[str], example: Sentence | None = None) -> TagItem:
        """A typed sentence, or its words as they are; with an example, its labels go along."""
        words = self.words(raw)
        tokens = torch.tensor(self.vocabulary.encode(self._looked_up(words)), dtype=torch.int32)
        features = None if self.features is None else self.features.encode(_normal(words, self.normal_form))
        if example is None:
            return TagItem(words, tokens, None, features)
        numbers = {label: number for number, label in enumerate(self.labels)}
        targets = torch.tensor([numbers.get(tag, -1) for tag in example.tags], dtype=torch.int32)
        return TagItem(words, tokens, targets, features)

    def words(self, raw: str | Sequence[str]) -> tuple[str, ...]:
        """The words of a typed sentence; words are taken as they are."""
        if not isinstance(raw, str):
            return tuple(raw)
        return tuple(bare(raw) if self.scheme == MARKED else tokenizer("word", lowercase=False).split(raw))

    def encoding_report(self, raw: str | Sequence[str], example: Sentence | None = None) -> EncodingReport:
        """Words, and those that are unknown."""
        words = self._looked_up(self.words(raw))
        return EncodingReport(len(words), 0, [word for word in words if word not in self.vocabulary])

    def length(self, item: TagItem) -> int:
        """Words."""
        return len(item.words)

    def collate(self, items: Sequence[TagItem]) -> TagBatch:
        """A batch; it has targets if every item has."""
        tokens, lengths = pad([item.tokens for item in items], self.vocabulary.pad)
        inputs = Words(tokens, *self._spell(items))
        targets = [item.targets for item in items if item.targets is not None]
        padded = pad(targets, -1)[0] if targets and len(targets) == len(items) else None
        features = None if self.features is None else _pad_features(items, len(self.features))
        return TagBatch([item.words for item in items], inputs, lengths, padded, features)

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """Words, and the characters of their spelling."""
        return {"encoder.embedding.words": self.vocabulary, **dict.fromkeys(_SPELLED, self.alphabet)}

    def output_labels(self) -> Mapping[str, Sequence[str]]:
        """What the head scores."""
        return {"output": self.labels, "crf": self.labels}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json``, ``characters.json`` and ``labels.json``, and the weights of labels if they have any."""
        options: dict[str, Any] = {"lowercase": self.lowercase, "spelled_below": self.spelled_below}
        if self.normal_form != AS_IT_IS:
            options["normal_form"] = self.normal_form
        vocab = {**options, **self.vocabulary.to_json(), "counts": list(self.counts)}
        labels = {"scheme": self.scheme, "labels": list(self.labels), "counts": list(self.label_counts)}
        files = {"vocab.json": vocab, "characters.json": self.alphabet.to_json(), "labels.json": labels}
        if self.features is not None:
            files[_FEATURES] = self.features.to_json()
        return {**files, **class_weights_to_json(self.class_weights, self.labels)}

    def _looked_up(self, words: Sequence[str]) -> Sequence[str]:
        """The words as the vocabulary has them."""
        words = _normal(words, self.normal_form)
        return [word.lower() for word in words] if self.lowercase else words

    def _spell(self, items: Sequence[TagItem]) -> tuple[Tensor, Tensor, Tensor]:
        """The rest of :class:`Words`: every spelling once; words that are seen often have the empty one."""
        rows = {"": 0}
        often = self.spelled_below or max(self.counts) + 1
        numbers = [
            [
                rows.setdefault(normal(word, self.normal_form), len(rows)) if self.counts[number] < often else 0
                for word, number in zip(item.words, item.tokens.tolist(), strict=True)
            ]
            for item in items
        ]
        return pad(numbers)[0], *pad([self.alphabet.encode(_shorten(word)) for word in rows])


def _normal(words: Sequence[str], form: str) -> list[str]:
    return [normal(word, form) for word in words]


def _pad_features(items: Sequence[TagItem], padding: int) -> Tensor:
    """(B, T, N)"""
    rows = [item.features for item in items if item.features is not None]
    counts, _ = pad([row_counts for _, row_counts in rows])
    most = max(1, int(counts.max()))
    features = torch.full((*counts.shape, most), padding, dtype=torch.int64)
    features[torch.arange(most) < counts.unsqueeze(2)] = torch.cat([numbers for numbers, _ in rows]).long()
    return features


def _shorten(word: str) -> str:
    """Of a very long word, an address as a rule, its beginning and its end."""
    return word if len(word) <= _LONGEST else word[: _LONGEST // 2] + word[-_LONGEST // 2 :]


def _read_counts(values: dict[str, Any], file: str, length: int) -> list[int]:
    counts = values.get("counts")
    if not isinstance(counts, list) or len(counts) != length or not all(isinstance(count, int) for count in counts):
        raise DataError(f"{file} needs a list of {length} whole numbers 'counts'; restore it from a backup")
    return counts
