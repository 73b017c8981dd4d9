"""Texts with numbers to batches; the numbers on one scale.

B batch, N numbers of a text, F n-grams known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.data import DataError, Tokenizer, Vocabulary
from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.data.inputs.numbers import Scale
from seqkit.data.readers import NUMBER, NumberExample
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.texts import TextInputs, learn_texts, load_texts

__all__ = ["NumberCodec", "Scale"]


class NumberCodec(TextInputs):
    """Texts to batches of tokens, numbers to one scale.

    Args:
        tokens, vocabulary, max_tokens, ngrams, texts: as of :class:`TextInputs`. Of n-grams it is counted how many
            texts have them.
        scale: of the numbers.
        sums: for each n-gram known, the sum of the scaled numbers of the texts that have it, (F, N).
    """

    def __init__(
        self,
        tokens: Tokenizer,
        vocabulary: Vocabulary,
        scale: Scale,
        max_tokens: int,
        ngrams: NgramCounts | None = None,
        sums: Sequence[Sequence[float]] = (),
        texts: int = 1,
    ) -> None:
        super().__init__(tokens, vocabulary, max_tokens, ngrams, texts)
        self.scale, self.sums = scale, sums

    @classmethod
    def learn(cls, config: ManyToOneOptions, train: Sequence[NumberExample]) -> NumberCodec:
        """Vocabulary, scale, and n-grams of the training split."""
        learned, scale = learn_texts(config, train), Scale.learn(train, config.interval)
        codec = cls(learned.tokenizer, learned.vocabulary, scale, config.max_tokens, texts=learned.texts)
        if config.ngrams:
            codec._count(learned.tokens, train, config.tokenizer)
        return codec

    def _count(self, texts: Sequence[list[str]], train: Sequence[NumberExample], tokenizer: str) -> None:
        ngrams = NgramCounts.learn(texts, [0] * len(texts), 1, tokenizer)
        sums = np.zeros((len(ngrams.counts), len(self.scale.names)))
        for rows, example in zip(ngrams.encode_many(texts), train, strict=True):
            # An n-gram is in the list once.
            sums[rows] += self.scale.apply(example.numbers)
        self.ngrams, self.sums = dataclasses.replace(ngrams, regression=True), sums.tolist()

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> NumberCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        tokens, vocabulary, max_tokens, texts = load_texts(files)
        scale = Scale.from_json(files["target.json"])
        counts = files.get("ngrams.json")
        if counts is None:
            return cls(tokens, vocabulary, scale, max_tokens, texts=texts)
        ngrams = NgramCounts.from_json(counts, "ngrams.json", 1)
        return cls(tokens, vocabulary, scale, max_tokens, ngrams, _read_sums(counts, ngrams, scale), texts)

    def target(self, example: NumberExample) -> Tensor:
        """The scaled numbers, (N)."""
        return torch.from_numpy(self.scale.apply(example.numbers))

    def targets(self, targets: Sequence[Tensor]) -> Tensor:
        """(B, N)."""
        return torch.stack(list(targets))

    def to_json(self) -> dict[str, Any]:
        """``vocab.json``, ``target.json``, and counts of n-grams if there are any."""
        files = {**super().to_json(), "target.json": {"target": NUMBER, **dataclasses.asdict(self.scale)}}
        if self.ngrams:
            files["ngrams.json"] = {**files["ngrams.json"], "sums": [list(row) for row in self.sums]}
        return files


def _read_sums(value: Mapping[str, Any], ngrams: NgramCounts, scale: Scale) -> list[list[float]]:
    try:
        sums = [[float(number) for number in row] for row in value["sums"]]
    except (TypeError, KeyError, ValueError):
        sums = []
    if len(sums) != len(ngrams.counts) or not all(len(row) == len(scale.names) for row in sums):
        raise DataError("ngrams.json must hold a sum for each number and n-gram; restore it from a backup")
    return sums
