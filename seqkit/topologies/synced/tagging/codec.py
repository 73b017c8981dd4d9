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

from seqkit.data import Vocabulary
from seqkit.data.batching import pad
from seqkit.data.inputs.word_features import WordFeatures
from seqkit.data.inputs.words import FEATURES_FILE, WordReader, normal_words
from seqkit.data.normal_forms import AS_IT_IS, normal
from seqkit.data.tagged import Sentence
from seqkit.data.vocab import PAD, UNK
from seqkit.layers.words import Words
from seqkit.topologies.class_weights import (
    ClassWeights,
    choose_class_weights,
    class_weights_from_json,
    class_weights_to_json,
)
from seqkit.topologies.codec import Codec, EncodingReport

_SPELLED = ("encoder.embedding.speller.encoder.embedding", "encoder.embedding.speller.embedding")
"""The embedding of characters in a head, where a recurrent layer reads them and where a convolution does."""


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
class TagCodec(WordReader, Codec[Sentence, TagItem, TagBatch]):
    """Sentences to batches, labels to numbers."""

    class_weights: ClassWeights | None = None
    """Those of the labels in the loss; None: all are 1"""

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
        sentences = (normal_words(sentence.words, normal_form) for sentence in train)
        known = WordFeatures.learn(sentences, len(names)) if features else None
        return cls(
            vocabulary,
            seen,
            alphabet,
            names,
            [tags[name] for name in names],
            scheme,
            lowercase,
            spelled_below,
            normal_form,
            known,
            choose_class_weights(class_weight, names, tags),
        )

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> TagCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        fields = cls.fields_of(files)
        return cls(**fields, class_weights=class_weights_from_json(files, fields["labels"]))

    def encode(self, raw: str | Sequence[str], example: Sentence | None = None) -> TagItem:
        """A typed sentence, or its words as they are; with an example, its labels go along."""
        words = self.words(raw)
        tokens = torch.tensor(self.numbers(words), dtype=torch.int32)
        features = _in_a_row(self.feature_rows(words))
        if example is None:
            return TagItem(words, tokens, None, features)
        numbers = {label: number for number, label in enumerate(self.labels)}
        targets = torch.tensor([numbers.get(tag, -1) for tag in example.tags], dtype=torch.int32)
        return TagItem(words, tokens, targets, features)

    def encoding_report(self, raw: str | Sequence[str], example: Sentence | None = None) -> EncodingReport:
        """Words, and those that are unknown."""
        words = self.looked_up(self.words(raw))
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
            files[FEATURES_FILE] = self.features.to_json()
        return {**files, **class_weights_to_json(self.class_weights, self.labels)}

    def _spell(self, items: Sequence[TagItem]) -> tuple[Tensor, Tensor, Tensor]:
        """The rest of :class:`Words`."""
        spelling, characters = self.spell([(item.words, item.tokens.tolist()) for item in items])
        return pad(spelling)[0], *pad(characters)


def _in_a_row(rows: list[list[int]] | None) -> tuple[Tensor, Tensor] | None:
    """The features of all words, one word after the other, and how many each word has (T)."""
    if rows is None:
        return None
    numbers = torch.tensor([number for row in rows for number in row], dtype=torch.int32)
    return numbers, torch.tensor([len(row) for row in rows], dtype=torch.int32)


def _pad_features(items: Sequence[TagItem], padding: int) -> Tensor:
    """(B, T, N)"""
    rows = [item.features for item in items if item.features is not None]
    counts, _ = pad([row_counts for _, row_counts in rows])
    most = max(1, int(counts.max()))
    features = torch.full((*counts.shape, most), padding, dtype=torch.int64)
    features[torch.arange(most) < counts.unsqueeze(2)] = torch.cat([numbers for numbers, _ in rows]).long()
    return features
