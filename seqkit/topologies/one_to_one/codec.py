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
from seqkit.topologies.class_weights import ClassWeights, class_weights_from_json, class_weights_to_json
from seqkit.topologies.classification import labels_of, weights_of
from seqkit.topologies.codec import Codec, read_labels
from seqkit.topologies.one_to_one.reading import feature_matrix, parse_number

_CLIP = 10.0
"""A scaled number is clipped here: one wrong entry in a row then cannot outweigh all the others."""
_CONSTANT = 1e-9
"""A standard deviation below this fraction of the mean is rounding error: the number never changes."""
_NUMBERS = re.compile(r"[^\s,;\[\]()]+")


class VectorItem(NamedTuple):
    """The scaled numbers of a vector (F), the number of its label where it is known, and its weight in the loss."""

    vector: Tensor
    target: int | None = None
    weight: float = 1.0


class VectorBatch(NamedTuple):
    """Scaled numbers (B, F), and the number of each vector's label (B) where it is known.

    ``weights`` (B) are those of the vectors in the loss; None: all are 1.
    """

    vectors: Tensor
    targets: Tensor | None = None
    weights: Tensor | None = None


class VectorCodec(Codec[Example, VectorItem, VectorBatch]):
    """Vectors to scaled tensors, labels to numbers.

    Args:
        names: of the F numbers.
        mean, scale: (F); a number x becomes ``(x - mean) / scale``, clipped to lie from -10 to 10.
        labels: those of the training split, in the order of the head's outputs.
        class_weights: of the labels in the loss; None: all are 1.
    """

    def __init__(
        self,
        names: Sequence[str],
        mean: Sequence[float],
        scale: Sequence[float],
        labels: Sequence[str],
        class_weights: ClassWeights | None = None,
    ) -> None:
        self.names, self.labels, self.class_weights = tuple(names), tuple(labels), class_weights
        self.mean, self.scale = np.array(mean), np.array(scale)
        self._numbers = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def learn(
        cls,
        names: Sequence[str],
        train: Sequence[Example],
        class_weight: str | None = None,
        encoding: str | None = None,
    ) -> VectorCodec:
        """Mean and standard deviation of each number, labels and their weights, of the training split."""
        values = feature_matrix(train)
        mean, scale = values.mean(0), values.std(0)
        # A number that never changes tells nothing in training; should it change later, it is not blown up.
        scale[scale <= _CONSTANT * np.abs(mean)] = 1.0
        return cls(names, list(mean), list(scale), *labels_of(train, class_weight, encoding))

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> VectorCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        features, labels = files["features.json"], read_labels(files["labels.json"])
        try:
            numbers = (features["names"], features["mean"], features["scale"])
            codec = cls(*numbers, labels, class_weights_from_json(files, labels))
            sizes = {codec.mean.shape, codec.scale.shape, (len(codec.names),)}
            valid = len(sizes) == 1 and codec.names and np.isfinite(codec.mean).all() and (codec.scale > 0).all()
        except (TypeError, KeyError, ValueError):
            valid = False
        if not valid:
            raise DataError(
                "features.json must hold names, mean and scale of as many numbers; restore it from a backup"
            )
        return codec

    def encode(self, raw: str | Sequence[float], example: Example | None = None) -> VectorItem:
        """Scaled numbers and the label's number. A text has its numbers between commas, semicolons or spaces.

        Raises :class:`UsageError` for what is not a number, and for too many or too few.
        """
        # Between tabs alone a number may be missing, and then that is what is wrong.
        if isinstance(raw, str):
            texts: Sequence[str | float] = (
                raw.split("\t") if "\t" in raw and not {*",;"} & {*raw} else _NUMBERS.findall(raw)
            )
        else:
            texts = raw
        if len(texts) != len(self.names):
            first, last = self.names[0], self.names[-1]
            names = f"{first} to {last}" if len(self.names) > 1 else first
            raise UsageError(f"the vector has {len(texts)} numbers, but the model takes {len(self.names)}: {names}")
        values = [parse_number(text, name) for text, name in zip(texts, self.names, strict=True)]
        scaled = ((np.array(values) - self.mean) / self.scale).clip(-_CLIP, _CLIP)
        vector = torch.tensor(scaled, dtype=torch.float32)
        return (
            VectorItem(vector) if example is None else VectorItem(vector, self._numbers[example.label], example.weight)
        )

    def length(self, item: VectorItem) -> int:
        """One step."""
        return 1

    def collate(self, items: Sequence[VectorItem]) -> VectorBatch:
        """A batch; it has targets if every item has."""
        targets = [item.target for item in items if item.target is not None]
        vectors = torch.stack([item.vector for item in items])
        if len(targets) < len(items):
            return VectorBatch(vectors)
        return VectorBatch(vectors, torch.tensor(targets), weights_of(items))

    def to_json(self) -> dict[str, Any]:
        """``features.json`` and ``labels.json``, and the weights of labels if they have any."""
        features = {"names": list(self.names), "mean": self.mean.tolist(), "scale": self.scale.tolist()}
        files = {"features.json": features, "labels.json": list(self.labels)}
        return {**files, **class_weights_to_json(self.class_weights, self.labels)}
