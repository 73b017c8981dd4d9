"""A label, a set of labels, or numbers, for a text or two.

B batch, K outputs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqkit.answers.labels import Classified, Estimate, LabelSet
from seqkit.data.inputs.labels import read_labels
from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.data.inputs.numbers import Scale
from seqkit.data.inputs.texts import ReadText, TextReader, load_texts
from seqkit.runtime.arrays import Array, pad, softplus
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Arrays, Part

_NAMES = ("tokens", "lengths"), ("second_tokens", "second_lengths")


class Texts(Family):
    """What all of them share: the numbers of tokens and n-grams."""

    classes: int
    """Of the counts of n-grams"""

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        files = opened.codec
        self.learn(files)
        tokens, vocabulary, max_tokens, texts = load_texts(files)
        counts = files.get("ngrams.json")
        ngrams = None if counts is None else NgramCounts.from_json(counts, "ngrams.json", self.classes)
        self.reader = TextReader(tokens, vocabulary, max_tokens, ngrams, texts)

    @abstractmethod
    def learn(self, files: Mapping[str, Any]) -> None:
        """Reads what is predicted, and how many classes n-grams are counted for."""

    @abstractmethod
    def answers(self, outputs: Arrays) -> list[Any]:
        """The predictions of what the model computes."""

    def encode(self, raw: str | Sequence[str]) -> ReadText:
        """The numbers of tokens and n-grams."""
        return self.reader.read(raw)

    def encode_many(self, inputs: Sequence[str | Sequence[str]]) -> list[ReadText]:
        """See :class:`Family`."""
        return self.reader.read_many(inputs)

    def length(self, item: ReadText) -> int:
        """Tokens of the longer text."""
        return max(map(len, item.sides))

    def predict(self, items: Sequence[ReadText]) -> list[Any]:
        """What is said of each text."""
        inputs: Arrays = {}
        for place, names in zip(range(self.reader.texts), _NAMES, strict=False):
            padded = pad([item.sides[place] for item in items], self.reader.vocabulary.pad)
            inputs.update(zip(names, padded, strict=True))
        if self.reader.ngrams is not None:
            rows = [item.ngrams for item in items if item.ngrams is not None]
            inputs["ngrams"] = pad(rows, len(self.reader.ngrams.counts))[0]
        return self.answers(self.parts["model"](**inputs))


class Labels(Texts):
    """One label."""

    def learn(self, files: Mapping[str, Any]) -> None:
        """The labels."""
        self.labels = read_labels(files["labels.json"])
        self.classes, self.threshold = len(self.labels), self.settings["threshold"]

    def answers(self, outputs: Arrays) -> list[Classified]:
        """The labels with their probabilities."""
        return classified(self.labels, outputs["probabilities"], self.threshold)

    def probabilities(self, prediction: Classified) -> dict[str, float]:
        """Of every label."""
        return prediction.probabilities


class LabelSets(Texts):
    """A set of labels."""

    def learn(self, files: Mapping[str, Any]) -> None:
        """The labels; n-grams are counted for each, and over all texts."""
        self.labels = read_labels(files["labels.json"])
        self.classes = len(self.labels) + 1

    def answers(self, outputs: Arrays) -> list[LabelSet]:
        """The labels that reach their thresholds."""
        found, thresholds = [], self.settings["thresholds"]
        for row in outputs["probabilities"].tolist():
            chosen = zip(self.labels, row, thresholds, strict=True)
            labels = tuple(label for label, p, least in chosen if p >= least)
            found.append(LabelSet(labels, dict(zip(self.labels, row, strict=True))))
        return found

    def probabilities(self, prediction: LabelSet) -> dict[str, float]:
        """Of every label; they need not sum to 1."""
        return prediction.probabilities


class Numbers(Texts):
    """Numbers, with intervals."""

    def learn(self, files: Mapping[str, Any]) -> None:
        """The scale of the numbers."""
        self.scale, self.classes = Scale.from_json(files["target.json"]), 1

    def answers(self, outputs: Arrays) -> list[Estimate]:
        """``shrink · m``, and the interval around it, see :class:`NumberHead`."""
        shrink, stretch = (np.array(self.settings[name], np.float32) for name in ("shrink", "stretch"))
        mean, below, above = np.split(outputs["logits"], 3, 1)
        mean = mean * shrink
        sides = (mean, mean - softplus(below) * stretch, mean + softplus(above) * stretch)
        rows = zip(*(self.scale.undo(side).tolist() for side in sides), strict=True)
        return [Estimate(tuple(mid), tuple(low), tuple(high), self.scale.names) for mid, low, high in rows]


def classified(labels: Sequence[str], probabilities: Array, threshold: float | None = None) -> list[Classified]:
    """Labels from probabilities (B, K); with a threshold the second where its probability reaches it."""
    if threshold is None:
        chosen = probabilities.argmax(1)
    else:
        chosen = (probabilities[:, 1].astype(np.float64) >= threshold).astype(np.int64)
    rows = zip(probabilities.tolist(), chosen.tolist(), strict=True)
    return [Classified.of(labels, row, number) for row, number in rows]
