"""Labels for frames as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from seqkit.data import Splits
from seqkit.data.frames import Clip, LabelledClip, read_clips
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.ensemble import LabelEnsemble
from seqkit.topologies.powers import Explanation
from seqkit.topologies.synced.frames.codec import FrameCodec
from seqkit.topologies.synced.frames.export import export_frames
from seqkit.topologies.synced.frames.head import Framed, FrameHead
from seqkit.topologies.synced.frames.options import FrameOptions
from seqkit.topologies.synced.frames.pictures import frame_pictures
from seqkit.topologies.synced.frames.scores import (
    forest_baseline,
    frame_counts,
    frame_label_scores,
    frame_samples,
    frame_tables,
)
from seqkit.topologies.synced.frames.splits import check_labels, clip_splits
from seqkit.topologies.synced.frames.stream import FrameEnsembleStream, FrameStream, StreamedLabel
from seqkit.topologies.synced.task import Synced
from seqkit.training.recipe import Recipe

C = TypeVar("C", bound=FrameOptions)


class SyncedFrames(Synced[C, LabelledClip, Framed, FrameCodec, FrameHead]):
    """A label for each frame of a video, or of whatever else is measured over time.

    A folder of sequences can always be given; a task of its own with other data overrides :meth:`read`::

        class Gestures(SyncedFrames[GestureConfig]):
            name, summary, config = "gestures", "what a hand does, frame by frame", GestureConfig
            background = ("rest",)

        TASK = Gestures()
    """

    steps = "frames"
    rules = Recipe(steps=2250, least_batch=8, most_batch=16)
    background: ClassVar[Collection[str]] = ()
    """Labels of frames in which nothing happens: pale in pictures, and left out of samples"""

    def read(self, config: C, notes: list[str]) -> Splits[LabelledClip]:
        """Three splits of whole sequences: folders of their own, or split off at random."""
        return clip_splits(config, notes)

    def read_file(self, config: C, path: Path, codec: FrameCodec) -> list[LabelledClip]:
        """Sequences to evaluate on; raises :class:`DataError` for a label that the model does not know."""
        clips = read_clips(path, config.label_column, codec.layout, config.form)
        check_labels(clips, codec.labels)
        return clips

    def input_of(self, example: LabelledClip) -> Clip:
        """The clip."""
        return example.clip

    def parse_input(self, text: str) -> Path:
        """The file that a text names."""
        return Path(text)

    def learn_codec(self, config: C, train: Sequence[LabelledClip]) -> FrameCodec:
        """Layout, scaling, labels and their weights, of the training split."""
        return FrameCodec.learn(train, config.class_weight)

    def load_codec(self, files: Mapping[str, Any]) -> FrameCodec:
        """The codec of a run."""
        return FrameCodec.from_json(files)

    def build_head(self, config: C, codec: FrameCodec) -> FrameHead:
        """A layer for each frame if there is one, an encoder, and a softmax over the labels."""
        size, units = codec.scaling.size, config.frame_size
        encoder = config.build(
            Encoder,
            nn.Sequential(nn.Linear(size, units), nn.ReLU()) if units else nn.Identity(),
            units or size,
            bidirectional=config.bidirectional,
            pooling=None,
            dropout=config.dropout,
            embedding_dropout=config.feature_dropout,
        )
        return FrameHead(encoder, codec.labels, config.delay, codec.class_weights)

    def size(self, examples: Sequence[LabelledClip]) -> tuple[int, str]:
        """Frames."""
        return sum(len(example.labels) for example in examples), self.steps

    def score_counts(self, predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> ScoreCounts:
        """Accuracy and macro-F1 of frames, F1 of segments, and edit score."""
        return frame_counts(predictions, examples)

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "a random forest on single frames"

    def predict_baseline(self, config: C, splits: Splits[LabelledClip]) -> list[Framed]:
        """Each frame by itself: a forest."""
        return forest_baseline(splits, config.seed)

    def samples(self, predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> list[Table]:
        """The labels of two sequences beside the truth."""
        return frame_samples(predictions, examples, self.background)

    def tables(self, predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> list[Table]:
        """Scores of each label, confusions, and the worst sequences."""
        return frame_tables(predictions, examples)

    def label_scores(self, predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> dict[str, LabelScore]:
        """Precision, recall, F1 and support of each label, over all frames."""
        return frame_label_scores(predictions, examples)

    def draw_pictures(
        self, head: FrameHead, codec: FrameCodec, predictions: Sequence[Framed], examples: Sequence[LabelledClip]
    ) -> dict[str, bytes]:
        """``strips.png`` and ``example.csv``."""
        return frame_pictures(predictions, examples, self.background)

    def confidences(self, prediction: Framed, example: LabelledClip) -> list[tuple[float, bool]]:
        """The probability of each frame's label, and whether it is correct."""
        correct = (one == other for one, other in zip(prediction.labels, example.labels, strict=True))
        return list(zip(prediction.confidences, correct, strict=True))

    def format_prediction(self, prediction: Framed | StreamedLabel) -> tuple[str, dict[str, Any]]:
        """The labels with a space between, and their probabilities as JSON; of a stream, one frame's."""
        if isinstance(prediction, StreamedLabel):
            frame, label, confidence = prediction
            return label, {"frame": frame, "label": label, "sure": confidence}
        return " ".join(prediction.labels), {"labels": prediction.labels, "sure": prediction.confidences}

    def open_stream(self, head: FrameHead | LabelEnsemble, codec: FrameCodec) -> FrameStream | FrameEnsembleStream:
        """See :class:`FrameStream`."""
        if isinstance(head, LabelEnsemble):
            return FrameEnsembleStream(head, codec)
        return FrameStream(head, codec)

    def agreement(self, head: FrameHead, codec: FrameCodec) -> Mapping[str, Any]:
        """Members of an ensemble know the same labels, and read the same features."""
        return {"labels": head.labels, "features": codec.layout}

    def ensemble(self, heads: Sequence[FrameHead]) -> LabelEnsemble:
        """The average of the probabilities."""
        return LabelEnsemble(heads)

    def export(self, head: FrameHead, codec: FrameCodec) -> Exported:
        """``frames`` and ``lengths`` to ``logits`` and ``probabilities``."""
        return export_frames(head, codec)

    def explain(self, head: FrameHead, codec: FrameCodec, raw: Any) -> Explanation:
        """The log-probabilities of the likeliest labels, summed; and the frames, by their numbers."""
        best, labels = torch.log_softmax(head(codec.collate([codec.encode(raw)])), 2)[0].max(1)
        numbers = [str(number) for number in range(1, len(best) + 1)] + ["–"] * head.delay
        answer = " ".join(head.labels[label] for label in labels.tolist())
        return Explanation(answer, best.sum(), {"encoder.recurrent": numbers})
