"""Sequences with a label for each frame to batches.

B batch, T frames, F features of a frame, D values that the encoder reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seqkit.data.frames import Clip, LabelledClip, Scaling
from seqkit.data.inputs.frames import FrameReader
from seqkit.topologies.class_weights import (
    ClassWeights,
    choose_class_weights,
    class_weights_from_json,
    class_weights_to_json,
)
from seqkit.topologies.codec import Codec


class FrameItem(NamedTuple):
    """Frames (T, D) and the numbers of their labels (T) where known."""

    frames: Tensor
    targets: Tensor | None = None


class FrameBatch(NamedTuple):
    """Frames (B, T, D), lengths (B), and the number of each frame's label (B, T) where known.

    A label of -1 is padding, or one that training has not seen.
    """

    frames: Tensor
    lengths: Tensor
    targets: Tensor | None = None


@dataclass(frozen=True)
class FrameCodec(FrameReader, Codec[LabelledClip, FrameItem, FrameBatch]):
    """Features to numbers around 0, labels to numbers."""

    class_weights: ClassWeights | None = None
    """Those of the labels in the loss; None: all are 1"""

    @classmethod
    def learn(cls, train: Sequence[LabelledClip], class_weight: str | None = None) -> FrameCodec:
        """Layout, scaling, labels and their weights, of the training split."""
        clips = [example.clip for example in train]
        counts = Counter(label for example in train for label in example.labels)
        labels = tuple(sorted(counts))
        return cls(clips[0].layout, Scaling.fit(clips), labels, choose_class_weights(class_weight, labels, counts))

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> FrameCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the file that is wrong."""
        fields = cls.fields_of(files)
        return cls(**fields, class_weights=class_weights_from_json(files, fields["labels"]))

    def encode(self, raw: Clip | Path | str | np.ndarray | Tensor, example: LabelledClip | None = None) -> FrameItem:
        """A clip, the file of one, or features (T, F); with an example, its labels go along."""
        frames = torch.from_numpy(self.read(raw))
        if example is None:
            return FrameItem(frames)
        numbers = {label: number for number, label in enumerate(self.labels)}
        return FrameItem(frames, torch.tensor([numbers.get(label, -1) for label in example.labels]))

    def length(self, item: FrameItem) -> int:
        """Frames."""
        return len(item.frames)

    def collate(self, items: Sequence[FrameItem]) -> FrameBatch:
        """A batch; it has targets if every item has."""
        lengths = torch.tensor([len(item.frames) for item in items])
        frames = pad_sequence([item.frames for item in items], batch_first=True)
        targets = [item.targets for item in items if item.targets is not None]
        if len(targets) < len(items):
            return FrameBatch(frames, lengths)
        return FrameBatch(frames, lengths, pad_sequence(targets, batch_first=True, padding_value=-1))

    def output_labels(self) -> Mapping[str, Sequence[str]]:
        """What the head scores."""
        return {"output": self.labels}

    def to_json(self) -> dict[str, Any]:
        """``features.json`` and ``labels.json``, and the weights of labels if they have any."""
        names = None if self.layout.names is None else list(self.layout.names)
        files = {"features.json": {"names": names, **self.scaling.to_json()}, "labels.json": list(self.labels)}
        return {**files, **class_weights_to_json(self.class_weights, self.labels)}
