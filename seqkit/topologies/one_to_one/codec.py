"""Vectors of numbers with one label each to batches.

B batch, F numbers in a vector.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.data import DataError, Example
from seqkit.errors import UsageError
from seqkit.topologies.codec import Codec, read_labels
from seqkit.topologies.one_to_one.reading import feature_matrix, parse_number

_CLIP = 10.0
"""A scaled number is clipped here: one wrong entry in a row then cannot outweigh all the others."""
_CONSTANT = 1e-9
"""A standard deviation below this fraction of the mean is rounding error: the number never changes."""
_NUMBERS = re.compile(r"[^\s,;\[\]()]+")


class VectorItem(NamedTuple):
    """The scaled numbers of a vector (F), and the number of its label where it is known."""

    vector: Tensor
    target: int | None


class VectorBatch(NamedTuple):
    """Scaled numbers (B, F), and the number of each vector's label (B) where it is known."""

    vectors: Tensor
    targets: Tensor | None = None


class VectorCodec(Codec[Example, VectorItem, VectorBatch]):
    """Vectors to scaled tensors, labels to numbers.

    Args:
        names: of the F numbers.
        mean, scale: (F); a number x becomes ``(x - mean) / scale``, clipped to lie from -10 to 10.
        labels: those of the training split, in the order of the head's outputs.
    """

    def __init__(
        self, names: Sequence[str], mean: Sequence[float], scale: Sequence[float], labels: Sequence[str]
    ) -> None:
        self.names, self.labels = tuple(names), tuple(labels)
        self.mean, self.scale = np.array(mean), np.array(scale)
        self._numbers = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def learn(cls, names: Sequence[str], train: Sequence[Example]) -> VectorCodec:
        """Mean and standard deviation of each number, and labels of the training split."""
        values = feature_matrix(train)
        mean, scale = values.mean(0), values.std(0)
        # A number that never changes tells nothing in training; should it change later, it is not blown up.
        scale[scale <= _CONSTANT * np.abs(mean)] = 1.0
        return cls(names, list(mean), list(scale), sorted({example.label for example in train}))

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> VectorCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        features, labels = files["features.json"], read_labels(files["labels.json"])
        try:
            codec = cls(features["names"], features["mean"], features["scale"], labels)
            sizes = {codec.mean.shape, codec.scale.shape, (len(codec.names),)}
            valid = len(sizes) == 1 and codec.names and np.isfinite(codec.mean).all() and (codec.scale > 0).all()
        except (TypeError, KeyError, ValueError):
            valid = False
        if not valid:
            raise DataError("features.json must hold names, mean and scale of as many numbers; restore it from a copy")
        return codec

    def encode(self, raw: str | Sequence[float], example: Example | None = None) -> VectorItem:
        """Scaled numbers and the label's number. A text has its numbers between commas, semicolons or spaces.

        Raises :class:`UsageError` for what is not a number, and for too many or too few.
        """
        texts = _NUMBERS.findall(raw) if isinstance(raw, str) else raw
        if len(texts) != len(self.names):
            first, last = self.names[0], self.names[-1]
            names = f"{first} to {last}" if len(self.names) > 1 else first
            raise UsageError(f"the vector has {len(texts)} numbers, but the model takes {len(self.names)}: {names}")
        values = [parse_number(text, name) for text, name in zip(texts, self.names, strict=True)]
        scaled = ((np.array(values) - self.mean) / self.scale).clip(-_CLIP, _CLIP)
        vector = torch.tensor(scaled, dtype=torch.float32)
        return VectorItem(vector, None if example is None else self._numbers[example.label])

    def length(self, item: VectorItem) -> int:
        """One step."""
        return 1

    def collate(self, items: Sequence[VectorItem]) -> VectorBatch:
        """A batch; it has targets if every item has."""
        targets = [item.target for item in items if item.target is not None]
        vectors = torch.stack([item.vector for item in items])
        return VectorBatch(vectors, torch.tensor(targets) if len(targets) == len(items) else None)

    def to_json(self) -> dict[str, Any]:
        """``features.json`` and ``labels.json``."""
        features = {"names": list(self.names), "mean": self.mean.tolist(), "scale": self.scale.tolist()}
        return {"features.json": features, "labels.json": list(self.labels)}
