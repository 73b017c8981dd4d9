"""Texts with one label each to batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from seqkit.data import Example, Tokenizer, Vocabulary
from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.topologies.class_weights import ClassWeights, class_weights_from_json, class_weights_to_json
from seqkit.topologies.classification import labels_of
from seqkit.topologies.codec import read_labels
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.texts import TextBatch, TextInputs, TextItem, learn_texts, load_texts

__all__ = ["TextBatch", "TextCodec", "TextItem"]

_WEIGHTED = 2_000
"""Training texts from which on each n-gram has a weight of its own. On the validation splits of four sets of reviews
weights took 1,000 texts from an accuracy of 0.639 to 0.635 on average (two seeds), 3,000 from 0.678 to 0.684 and all
3,000 to 8,500 from 0.699 to 0.704 (one seed)."""


class TextCodec(TextInputs):
    """Texts to batches of tokens, labels to numbers.

    Args:
        tokens: splits a text.
        vocabulary: the tokens that have a number of their own.
        labels: those of the training split, in the order of the head's outputs.
        max_tokens: a longer text is truncated to this many.
        class_weights: of the labels in the loss; None: all are 1.
        ngrams: counts of n-grams by label, for a head that has a prior of them.
        texts: how many make an input: 1, or 2 that are read by one encoder.
    """

    def __init__(
        self,
        tokens: Tokenizer,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        max_tokens: int,
        class_weights: ClassWeights | None = None,
        ngrams: NgramCounts | None = None,
        texts: int = 1,
    ) -> None:
        super().__init__(tokens, vocabulary, max_tokens, ngrams, texts)
        self.labels, self.class_weights = tuple(labels), class_weights
        self._numbers = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def learn(cls, config: ManyToOneOptions, train: Sequence[Example]) -> TextCodec:
        """Vocabulary, labels with their weights, and n-grams of the training split."""
        learned = learn_texts(config, train)
        labels, class_weights = labels_of(train, config.class_weight, config.encoding)
        codec = cls(
            learned.tokenizer, learned.vocabulary, labels, config.max_tokens, class_weights, texts=learned.texts
        )
        if config.ngrams:
            numbers = [codec._numbers[example.label] for example in train]
            weighted = len(train) >= _WEIGHTED
            counts = NgramCounts.learn(learned.tokens, numbers, len(labels), config.tokenizer, weighted)
            codec.ngrams = replace(counts, regression=True)
        return codec

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> TextCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        tokens, vocabulary, max_tokens, texts = load_texts(files)
        labels = read_labels(files["labels.json"])
        class_weights = class_weights_from_json(files, labels)
        # Runs of 0.1 have no n-grams.
        counts = files.get("ngrams.json")
        ngrams = None if counts is None else NgramCounts.from_json(counts, "ngrams.json", len(labels))
        return cls(tokens, vocabulary, labels, max_tokens, class_weights, ngrams, texts)

    def target(self, example: Example) -> int:
        """The number of the label."""
        return self._numbers[example.label]

    def targets(self, targets: Sequence[int]) -> Tensor:
        """The numbers of labels (B)."""
        return torch.tensor(targets)

    def output_labels(self) -> Mapping[str, Sequence[str]]:
        """What the head scores."""
        return {"output": self.labels}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json`` and ``labels.json``; and the weights of labels, and counts of n-grams, if there are any."""
        files = super().to_json()
        # In the order that the files always had.
        ordered = {"vocab.json": files.pop("vocab.json"), "labels.json": list(self.labels), **files}
        return {**ordered, **class_weights_to_json(self.class_weights, self.labels)}
