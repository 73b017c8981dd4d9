"""Vectors of numbers with one label each to batches.

B batch, F numbers in a vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.data import Example
from seqkit.data.inputs.vectors import VectorReader
from seqkit.topologies.class_weights import ClassWeights, class_weights_from_json, class_weights_to_json
from seqkit.topologies.classification import labels_of, weights_of
from seqkit.topologies.codec import Codec
from seqkit.topologies.one_to_one.reading import feature_matrix

_CONSTANT = 1e-9
"""A standard deviation below this fraction of the mean is rounding error: the number never changes."""


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


class VectorCodec(VectorReader, Codec[Example, VectorItem, VectorBatch]):
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
        super().__init__(names, mean, scale, labels)
        self.class_weights = class_weights
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
        reader = VectorReader.from_json(files)
        weights = class_weights_from_json(files, reader.labels)
        return cls(reader.names, reader.mean.tolist(), reader.scale.tolist(), reader.labels, weights)

    def encode(self, raw: str | Sequence[float], example: Example | None = None) -> VectorItem:
        """Scaled numbers and the label's number. A text has its numbers between commas, semicolons or spaces.

        Raises :class:`UsageError` for what is not a number, and for too many or too few.
        """
        scaled = self.read(raw)
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
