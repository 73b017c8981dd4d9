"""Texts with one label each to batches.

B batch, T tokens of a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.data import Example, Tokenizer, Vocabulary, tokenizer, tokenizer_from_json
from seqkit.data.batching import pad
from seqkit.topologies.class_weights import ClassWeights, class_weights_from_json, class_weights_to_json
from seqkit.topologies.classification import labels_of, weights_of
from seqkit.topologies.codec import Codec, EncodingReport, read_labels
from seqkit.topologies.many_to_one.ngrams import NgramCounts
from seqkit.topologies.many_to_one.options import ManyToOneOptions


class TextItem(NamedTuple):
    """The tokens of a text (T), the number of its label where it is known, its weight in the loss, its n-grams (K)."""

    tokens: Tensor
    target: int | None = None
    weight: float = 1.0
    ngrams: Tensor | None = None


class TextBatch(NamedTuple):
    """Tokens (B, T), lengths (B), and the number of each text's label (B) where it is known.

    ``weights`` (B) are those of the texts in the loss; None: all are 1. ``ngrams`` (B, K) are padded; None: none count.
    """

    tokens: Tensor
    lengths: Tensor
    targets: Tensor | None = None
    weights: Tensor | None = None
    ngrams: Tensor | None = None


class TextCodec(Codec[Example, TextItem, TextBatch]):
    """Texts to batches of tokens, labels to numbers.

    Args:
        tokens: splits a text.
        vocabulary: the tokens that have a number of their own.
        labels: those of the training split, in the order of the head's outputs.
        max_tokens: a longer text is cut after so many.
        class_weights: of the labels in the loss; None: all are 1.
        ngrams: counts of n-grams by label, for a head that has a prior of them.
    """

    def __init__(
        self,
        tokens: Tokenizer,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        max_tokens: int,
        class_weights: ClassWeights | None = None,
        ngrams: NgramCounts | None = None,
    ) -> None:
        self.tokenizer, self.vocabulary, self.labels = tokens, vocabulary, tuple(labels)
        self.max_tokens, self.class_weights, self.ngrams = max_tokens, class_weights, ngrams
        self._numbers = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def learn(cls, config: ManyToOneOptions, train: Sequence[Example]) -> TextCodec:
        """Vocabulary, labels with their weights, and n-grams of the training split."""
        tokens = tokenizer(config.tokenizer)
        texts = [tokens.split(example.text)[: config.max_tokens] for example in train]
        vocabulary = Vocabulary.build(texts, config.min_count, config.max_symbols)
        labels, class_weights = labels_of(train, config.class_weight, config.encoding)
        codec = cls(tokens, vocabulary, labels, config.max_tokens, class_weights)
        if config.ngrams:
            numbers = [codec._numbers[example.label] for example in train]
            codec.ngrams = NgramCounts.learn(texts, numbers, len(labels), config.tokenizer)
        return codec

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> TextCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        vocab = files["vocab.json"]
        vocabulary = Vocabulary.from_json(vocab, "vocab.json")
        labels = read_labels(files["labels.json"])
        tokens, class_weights = tokenizer_from_json(vocab["tokenizer"]), class_weights_from_json(files, labels)
        # Runs of 0.1 have no n-grams.
        counts = files.get("ngrams.json")
        ngrams = None if counts is None else NgramCounts.from_json(counts, "ngrams.json", len(labels))
        return cls(tokens, vocabulary, labels, int(vocab["max_tokens"]), class_weights, ngrams)

    def split(self, text: str) -> list[str]:
        """The tokens that are read of a text, ``max_tokens`` at most."""
        return self.tokenizer.split(text)[: self.max_tokens]

    def encode(self, raw: str, example: Example | None = None) -> TextItem:
        """Token numbers, cut to ``max_tokens``, the label's number, and those of n-grams."""
        tokens = self.split(raw)
        # By way of numpy: a third of the time of torch.tensor, which shows when a model answers thousands of texts
        # a second.
        numbers = torch.from_numpy(np.array(self.vocabulary.encode(tokens), np.int32))
        ngrams = torch.from_numpy(np.array(self.ngrams.encode(tokens), np.int32)) if self.ngrams else None
        if example is None:
            return TextItem(numbers, ngrams=ngrams)
        return TextItem(numbers, self._numbers[example.label], example.weight, ngrams)

    def length(self, item: TextItem) -> int:
        """Tokens."""
        return item.tokens.numel()

    def collate(self, items: Sequence[TextItem]) -> TextBatch:
        """A batch; it has targets if every item has."""
        tokens, lengths = pad([item.tokens for item in items], self.vocabulary.pad)
        targets = [item.target for item in items if item.target is not None]
        rows = [item.ngrams for item in items if item.ngrams is not None]
        ngrams = pad(rows, len(self.ngrams.counts))[0] if self.ngrams else None
        if not targets or len(targets) < len(items):
            return TextBatch(tokens, lengths, ngrams=ngrams)
        return TextBatch(tokens, lengths, torch.tensor(targets), weights_of(items), ngrams)

    def encoding_report(self, raw: str, example: Example | None = None) -> EncodingReport:
        """Tokens, those behind ``max_tokens``, and those that are unknown."""
        tokens = self.tokenizer.split(raw)
        read = tokens[: self.max_tokens]
        return EncodingReport(len(tokens), len(tokens) - len(read), [t for t in read if t not in self.vocabulary])

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the encoder reads."""
        return {"encoder.embedding": self.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json`` and ``labels.json``; and the weights of labels, and counts of n-grams, if there are any."""
        options = {"tokenizer": self.tokenizer.to_json(), "max_tokens": self.max_tokens}
        files = {"vocab.json": {**options, **self.vocabulary.to_json()}, "labels.json": list(self.labels)}
        if self.ngrams:
            files["ngrams.json"] = self.ngrams.to_json()
        return {**files, **class_weights_to_json(self.class_weights, self.labels)}
