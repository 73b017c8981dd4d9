"""A label for each word of a sentence.

B batch, T words, K labels, N features of a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from seqkit.answers.steps import Tagged
from seqkit.data.inputs.words import WordReader, typed_words
from seqkit.errors import UsageError
from seqkit.runtime.arrays import Array, pad, softmax
from seqkit.runtime.crf import Chain
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Arrays, Part


class TagItem(NamedTuple):
    """The words of a sentence, their numbers (T), and the rows of the features of each."""

    words: tuple[str, ...]
    tokens: list[int]
    features: list[list[int]] | None


class Tags(Family):
    """See :class:`Family`."""

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        self.reader = WordReader(**WordReader.fields_of(opened.codec))
        self.labels = self.reader.labels
        scores = self.settings["crf"]
        self.chain = None if scores is None else Chain(scores)
        self.is_single = self.chain is None
        self.log_frequency = np.log(np.array(self.settings["frequency"], np.float32))

    def parse_input(self, text: str) -> str | list[str]:
        """A typed sentence; a list of words in JSON is taken as it is."""
        return typed_words(text)

    def encode(self, raw: str | Sequence[str]) -> TagItem:
        """A typed sentence, or its words as they are."""
        words = self.reader.words(raw)
        return TagItem(words, self.reader.numbers(words), self.reader.feature_rows(words))

    def length(self, item: TagItem) -> int:
        """Words."""
        return len(item.words)

    def predict(
        self,
        items: Sequence[TagItem],
        *,
        n_best: int | None = None,
        balance: float | None = None,
        all_probabilities: bool = False,
    ) -> list[Tagged]:
        """Each word's most likely label; with a CRF the most likely labellings. Options are those of the run's."""
        n_best = n_best or self.settings["n_best"]
        if self.chain is None and n_best > 1:
            raise UsageError("n_best above 1 needs a model with a CRF; train one with --crf true")
        logits = self.parts["model"](**self._inputs(items))["logits"]
        weight = self.settings["balance"] if balance is None else balance
        found = []
        for item, row in zip(items, logits, strict=True):
            row = row[: len(item.words)]
            if self.chain is None:
                tagged, probabilities = self._tag_words(item, row, weight)
            else:
                tagged, probabilities = self._tag_sentence(self.chain, item, row, n_best)
            rows = tuple(map(tuple, probabilities.tolist())) if all_probabilities else ()
            found.append(replace(tagged, probabilities=rows))
        return found

    def _inputs(self, items: Sequence[TagItem]) -> Arrays:
        tokens, lengths = pad([item.tokens for item in items], self.reader.vocabulary.pad)
        spelling, characters = self.reader.spell([(item.words, item.tokens) for item in items])
        letters, sizes = pad(characters)
        inputs = {"tokens": tokens, "spelling": pad(spelling)[0], "characters": letters, "sizes": sizes}
        if self.reader.features is not None:
            inputs["features"] = _pad_features([item.features or [] for item in items], len(self.reader.features))
        return {**inputs, "lengths": lengths}

    def _tag_words(self, item: TagItem, logits: Array, balance: float) -> tuple[Tagged, Array]:
        probabilities = softmax(logits)
        best = (logits - np.float32(balance) * self.log_frequency).argmax(1)
        confidences = tuple(probabilities[np.arange(len(best)), best].tolist())
        return Tagged(item.words, self._names(best.tolist()), confidences, self.reader.scheme), probabilities

    def _tag_sentence(self, chain: Chain, item: TagItem, logits: Array, n_best: int) -> tuple[Tagged, Array]:
        probabilities, log_sum = chain.marginals(logits)
        paths = chain.decode(logits, log_sum, n_best)
        labellings = tuple((self._names(labels), score) for labels, score in paths)
        confidences = tuple(float(probabilities[time, label]) for time, label in enumerate(paths[0][0]))
        shown = labellings if n_best > 1 else ()
        return Tagged(item.words, labellings[0][0], confidences, self.reader.scheme, shown), probabilities

    def _names(self, numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.reader.labels[number] for number in numbers)


def _pad_features(sentences: Sequence[list[list[int]]], padding: int) -> Array:
    """(B, T, N)"""
    longest = max(1, *map(len, sentences))
    most = max([1, *(len(row) for sentence in sentences for row in sentence)])
    features = np.full((len(sentences), longest, most), padding, np.int64)
    for number, sentence in enumerate(sentences):
        for place, row in enumerate(sentence):
            features[number, place, : len(row)] = row
    return features
