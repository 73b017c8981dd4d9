"""One label for each frame."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from seqkit.answers.steps import Framed, StreamedLabel
from seqkit.data import DataError, Splits
from seqkit.data.frames import Clip, LabelledClip, Layout, each_clip, read_clips
from seqkit.data.readers import LABEL, shown
from seqkit.graphs import Exported
from seqkit.scores.direction import Criterion
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.codec import batch_for
from seqkit.topologies.powers import Explanation, Signals
from seqkit.topologies.synced.frames.codec import FrameCodec
from seqkit.topologies.synced.frames.export import export_frames
from seqkit.topologies.synced.frames.head import FrameHead
from seqkit.topologies.synced.frames.options import FrameOptions
from seqkit.topologies.synced.frames.pictures import frame_pictures
from seqkit.topologies.synced.frames.scores import (
    forest_baseline,
    frame_counts,
    frame_label_scores,
    frame_samples,
    frame_tables,
)
from seqkit.topologies.synced.frames.stream import FrameStream
from seqkit.topologies.synced.frames.target import FrameTarget


class LabelFrames(FrameTarget[LabelledClip, Framed]):
    """One label of several: a softmax, accuracy of frames, scores of segments."""

    name, example, predictions = LABEL, LabelledClip, (Framed, StreamedLabel)
    codec, head = FrameCodec, FrameHead

    def read(self, config: FrameOptions, path: Path, layout: Layout | None) -> list[LabelledClip]:
        """A label for each frame."""
        return read_clips(path, config.label_column, layout, config.form, config.group_column, config.chosen_columns)

    def each(self, config: FrameOptions, path: Path) -> Iterator[LabelledClip]:
        """A label for each frame."""
        return each_clip(
            path, config.label_column, None, config.form, config.group_column, chosen=config.chosen_columns
        )

    def check(self, clips: Sequence[LabelledClip]) -> None:
        """Raises :class:`DataError` if all frames have one label."""
        labels = {label for clip in clips for label in clip.labels}
        if len(labels) < 2:
            what = f"every frame has the label {shown(labels.pop())}; add frames with another"
            raise DataError(what, clips[0].location)

    def criterion(self, of_task: Criterion) -> Criterion:
        """That of the task."""
        return of_task

    def score_counts(self, predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> ScoreCounts:
        """Accuracy and macro-F1 of frames, F1 of segments, and edit score."""
        return frame_counts(predictions, examples)

    def predict_baseline(self, config: FrameOptions, splits: Splits[LabelledClip]) -> list[Framed]:
        """Each frame by itself: a forest."""
        return forest_baseline(splits, config.seed)

    def samples(
        self, predictions: Sequence[Framed], examples: Sequence[LabelledClip], background: Collection[str]
    ) -> list[Table]:
        """The labels of two sequences beside the truth."""
        return frame_samples(predictions, examples, background)

    def tables(self, predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> list[Table]:
        """Scores of each label, confusions, and the worst sequences."""
        return frame_tables(predictions, examples)

    def label_scores(self, predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> Mapping[str, LabelScore]:
        """Precision, recall, F1 and support of each label, over all frames."""
        return frame_label_scores(predictions, examples)

    def pictures(
        self, predictions: Sequence[Framed], examples: Sequence[LabelledClip], background: Collection[str]
    ) -> dict[str, bytes]:
        """``strips.png`` and ``example.csv``."""
        return frame_pictures(predictions, examples, background)

    def confidences(self, prediction: Framed, example: LabelledClip) -> list[tuple[float, bool]]:
        """The probability of each frame's label, and whether it is correct."""
        correct = (one == other for one, other in zip(prediction.labels, example.labels, strict=True))
        return list(zip(prediction.confidences, correct, strict=True))

    def format_prediction(self, prediction: Framed | StreamedLabel) -> tuple[str, dict[str, Any]]:
        """The labels with a space between, and their probabilities as JSON; of a stream, one frame's."""
        return prediction.formatted()

    def open_stream(self, head: FrameHead, codec: FrameCodec) -> FrameStream:
        """See :class:`FrameStream`."""
        return FrameStream(head, codec)

    def export(self, head: FrameHead, codec: FrameCodec) -> Exported:
        """``frames`` and ``lengths`` to ``logits`` and ``probabilities``."""
        return export_frames(head, codec)

    def explain(self, head: FrameHead, codec: FrameCodec, raw: Clip | Path) -> Explanation:
        """The log-probabilities of the most likely labels, summed; and the frames, by their numbers."""
        item = codec.encode(raw)
        best, numbers = torch.log_softmax(head(batch_for(head, codec, [item])), 2)[0].max(1)
        labels = [head.labels[number] for number in numbers.tolist()]
        said = Explanation(in_stretches(labels), best.sum(), {"encoder.recurrent": frame_numbers(head, len(best))})
        return said._replace(signals=Signals(item.frames, labels, codec.layout.names or ()))


def in_stretches(labels: Sequence[str]) -> str:
    """Labels of frames as stretches: ``walk 1–40, run 41–60``."""
    stretches, start = [], 1
    for label, frames in groupby(labels):
        stop = start + len(list(frames)) - 1
        stretches.append(f"{label} {start}–{stop}" if stop > start else f"{label} {start}")
        start = stop + 1
    return ", ".join(stretches)


def frame_numbers(head: FrameHead, count: int) -> list[str]:
    """What the steps of the encoder read: the frames, and nothing for as long as the delay."""
    return [str(number) for number in range(1, count + 1)] + ["–"] * head.delay
