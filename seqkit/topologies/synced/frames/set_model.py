"""Sequences with a set of labels for each frame: codec, head and stream.

B batch, T frames, D values that the encoder reads, K labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from seqkit.answers.steps import FramedSets, StreamedSet
from seqkit.data import DataError
from seqkit.data.frames import Clip, LabelSetClip, Scaling
from seqkit.data.readers import LABELS
from seqkit.layers import Encoder, Loss
from seqkit.layers.head import require_targets
from seqkit.topologies.class_weights import choose_positive_weights
from seqkit.topologies.synced.frames.codec import FrameBatch, FrameCodec, FrameItem
from seqkit.topologies.synced.frames.head import FrameHead
from seqkit.topologies.synced.frames.stream import FrameStream


@dataclass(frozen=True)
class LabelSetFrameCodec(FrameCodec):
    """Features to numbers around 0, sets of labels to 0 and 1."""

    @classmethod
    def learn(  # type: ignore[override]  # its examples are others
        cls, train: Sequence[LabelSetClip], class_weight: str | None = None
    ) -> LabelSetFrameCodec:
        """Layout, scaling, labels and their weights, of the training split."""
        clips = [example.clip for example in train]
        counts = Counter(label for example in train for _, label in example.each())
        labels, frames = tuple(sorted(counts)), sum(len(example.labels) for example in train)
        weights = choose_positive_weights(class_weight, labels, counts, frames)
        return cls(clips[0].layout, Scaling.fit(clips), labels, weights)

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> LabelSetFrameCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        if files["target.json"] != {"target": LABELS}:
            raise DataError("target.json must say that labels are predicted; restore it from a backup")
        codec = super().from_json(files)
        return cls(codec.layout, codec.scaling, codec.labels, codec.class_weights)

    def encode(  # type: ignore[override]  # its examples are others
        self, raw: Clip | Path | str | np.ndarray | Tensor, example: LabelSetClip | None = None
    ) -> FrameItem:
        """A clip, the file of one, or features (T, F); with an example, its labels go along, (T, K) of 0 and 1."""
        item = super().encode(raw)
        if example is None:
            return item
        numbers = {label: number for number, label in enumerate(self.labels)}
        targets = torch.zeros(len(example.labels), len(self.labels))
        for frame, label in example.each():
            if label in numbers:
                targets[frame, numbers[label]] = 1
        return item._replace(targets=targets)

    def to_json(self) -> dict[str, Any]:
        """``features.json``, ``labels.json`` and ``target.json``, and the weights of labels if they have any."""
        return {**super().to_json(), "target.json": {"target": LABELS}}


class LabelSetFrameHead(FrameHead):
    """Synced: ``sigmoid(W h_(t+d) + b)`` for each label of frame t, with h the outputs of an encoder.

    A frame has every label whose probability reaches the threshold of that label; the thresholds are kept with the
    weights. Arguments are those of :class:`FrameHead`; ``class_weights`` say how much a frame that has a label counts
    in the loss of that label.
    """

    thresholds: Tensor

    def __init__(
        self, encoder: Encoder, labels: Sequence[str], delay: int = 0, class_weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(encoder, labels, delay, class_weights)
        self.register_buffer("thresholds", torch.full((len(self.labels),), 0.5, dtype=torch.float64))

    def loss(self, batch: FrameBatch) -> Loss:
        """Binary cross-entropy of all frames in nats, summed over the labels."""
        # Padding is -1.
        targets, logits = require_targets(batch.targets).flatten(0, 1), self(batch).flatten(0, 1)
        real = targets[:, 0] >= 0
        total = binary_cross_entropy_with_logits(
            logits[real], targets[real], reduction="sum", pos_weight=self.class_weights
        )
        return Loss(total, int(real.sum()))

    @torch.no_grad()
    def predict(self, batch: FrameBatch) -> list[FramedSets]:  # type: ignore[override]  # it answers with sets
        """The labels of every frame, with the probability of every label."""
        probabilities = torch.sigmoid(self(batch))
        rows = zip(batch.lengths.tolist(), probabilities.tolist(), strict=True)
        return [self.label_sets(row[:length]) for length, row in rows]

    def label_sets(self, probabilities: Sequence[Sequence[float]]) -> FramedSets:
        """The prediction for frames with these probabilities (T, K)."""
        return FramedSets.of(self.labels, probabilities, self.thresholds.tolist())


class LabelSetStream(FrameStream):
    """Labels frames as they come, as :meth:`LabelSetFrameHead.predict` would the whole sequence."""

    def _answer(self, number: int, logits: Sequence[float]) -> StreamedSet:  # type: ignore[override]  # a set
        assert isinstance(self.head, LabelSetFrameHead)
        return StreamedSet.of(number, self.head.labels, logits, self.head.thresholds.tolist())


def with_thresholds(prediction: FramedSets, thresholds: np.ndarray) -> FramedSets:
    """The same prediction with other thresholds (K)."""
    reached = np.array(prediction.probabilities).reshape(-1, len(prediction.names)) >= thresholds
    labels = tuple(tuple(np.array(prediction.names)[row].tolist()) for row in reached)
    return replace(prediction, labels=labels)
