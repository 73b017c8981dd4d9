"""Texts with a set of labels each to batches.

B batch, L labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from seqkit.data import DataError, Tokenizer, Vocabulary
from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.data.readers import LABELS, LabelSetExample
from seqkit.topologies.class_weights import (
    ClassWeights,
    choose_positive_weights,
    class_weights_from_json,
    class_weights_to_json,
)
from seqkit.topologies.codec import read_labels
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.texts import TextInputs, learn_texts, load_texts

_MOST_LABELS = 100
"""N-grams are counted for this many labels at most: the table of counts has a column for each."""


class LabelSetCodec(TextInputs):
    """Texts to batches of tokens, sets of labels to 0 and 1.

    Args:
        tokens, vocabulary, max_tokens, ngrams, texts: as of :class:`TextInputs`. N-grams are counted for each label,
            and over all texts in one more column.
        labels: those of the training split, in the order of the head's outputs.
        class_weights: how much a text that has the label counts in the loss of that label; None: all are 1.
        frequencies: how many texts of the training split have each label, and how many there are.
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
        frequencies: Sequence[int] = (),
    ) -> None:
        super().__init__(tokens, vocabulary, max_tokens, ngrams, texts)
        self.labels, self.class_weights, self.frequencies = tuple(labels), class_weights, tuple(frequencies)
        self._numbers = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def learn(cls, config: ManyToOneOptions, train: Sequence[LabelSetExample]) -> LabelSetCodec:
        """Vocabulary, labels with their weights, and n-grams of the training split."""
        learned = learn_texts(config, train)
        counts = Counter(label for example in train for label in example.labels)
        labels = sorted(counts)
        codec = cls(
            learned.tokenizer,
            learned.vocabulary,
            labels,
            config.max_tokens,
            _weights(config.class_weight, labels, train),
            texts=learned.texts,
            frequencies=[*(counts[label] for label in labels), len(train)],
        )
        if config.ngrams and len(labels) <= _MOST_LABELS:
            codec.ngrams = codec._count(learned.tokens, train, config.tokenizer)
        return codec

    def _count(self, texts: Sequence[list[str]], train: Sequence[LabelSetExample], tokenizer: str) -> NgramCounts:
        """How many texts with each label have an n-gram, and how many of all."""
        every = len(self.labels)
        columns = [[every, *(self._numbers[label] for label in example.labels)] for example in train]
        repeated = [tokens for tokens, numbers in zip(texts, columns, strict=True) for _ in numbers]
        numbers = [number for row in columns for number in row]
        return replace(NgramCounts.learn(repeated, numbers, every + 1, tokenizer), regression=True)

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> LabelSetCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        tokens, vocabulary, max_tokens, texts = load_texts(files)
        labels = read_labels(files["labels.json"])
        frequencies = _read_frequencies(files["target.json"], labels)
        weights, counts = class_weights_from_json(files, labels), files.get("ngrams.json")
        ngrams = None if counts is None else NgramCounts.from_json(counts, "ngrams.json", len(labels) + 1)
        return cls(tokens, vocabulary, labels, max_tokens, weights, ngrams, texts, frequencies)

    def target(self, example: LabelSetExample) -> Tensor:
        """1 for each label of a text, else 0, (L); a label that training has not seen is left out."""
        row = torch.zeros(len(self.labels))
        row[[self._numbers[label] for label in example.labels if label in self._numbers]] = 1
        return row

    def targets(self, targets: Sequence[Tensor]) -> Tensor:
        """(B, L)."""
        return torch.stack(list(targets))

    def to_json(self) -> dict[str, Any]:
        """``vocab.json``, ``labels.json``, ``target.json``; weights of labels and n-grams if there are any."""
        *counts, texts = self.frequencies
        target = {"target": LABELS, "labels": dict(zip(self.labels, counts, strict=True)), "texts": texts}
        files = {**super().to_json(), "labels.json": list(self.labels), "target.json": target}
        return {**files, **class_weights_to_json(self.class_weights, self.labels)}


def _weights(setting: str | None, labels: Sequence[str], train: Sequence[LabelSetExample]) -> ClassWeights | None:
    counts = dict.fromkeys(labels, 0.0)
    for example in train:
        for label in example.labels:
            counts[label] += example.weight
    return choose_positive_weights(setting, labels, counts, sum(example.weight for example in train))


def _read_frequencies(value: Any, labels: Sequence[str]) -> list[int]:
    try:
        counts = [value["labels"][label] for label in labels]
        whole = [int(count) for count in (*counts, value["texts"])]
        named = value["target"] == LABELS
    except (TypeError, KeyError, ValueError):
        named = False
    if not named:
        raise DataError("target.json must say how many texts have each label; restore it from a backup")
    return whole
