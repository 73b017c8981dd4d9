"""A label for a vector of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqkit.answers.labels import Classified
from seqkit.data.inputs.vectors import VectorReader
from seqkit.runtime.arrays import Array
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Part
from seqkit.runtime.texts import classified


class Vectors(Family):
    """See :class:`Family`."""

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        self.reader = VectorReader.from_json(opened.codec)
        self.labels = self.reader.labels

    def encode(self, raw: str | Sequence[float]) -> Array:
        """The scaled numbers."""
        return self.reader.read(raw)

    def predict(self, items: Sequence[Array]) -> list[Classified]:
        """The labels with their probabilities."""
        outputs = self.parts["model"](vectors=np.stack(items).astype(np.float32))
        return classified(self.reader.labels, outputs["probabilities"])

    def probabilities(self, prediction: Classified) -> dict[str, float]:
        """Of every label."""
        return prediction.probabilities
