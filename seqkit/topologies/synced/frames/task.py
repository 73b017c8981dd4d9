"""Labels for frames as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import nn

from seqkit.answers.streams import Stream
from seqkit.data import Splits
from seqkit.data.frames import (
    AnyClip,
    Clip,
    LabelledClip,
    LabelSetClip,
    holds_frames,
    names_index,
    read_clip,
    sequence_files,
)
from seqkit.data.readers import LABEL, FileForm
from seqkit.errors import UsageError
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.ensemble import LabelEnsemble
from seqkit.topologies.powers import Explanation
from seqkit.topologies.prediction import predict_items
from seqkit.topologies.synced.frames.codec import FrameCodec
from seqkit.topologies.synced.frames.head import FrameHead
from seqkit.topologies.synced.frames.options import FrameOptions
from seqkit.topologies.synced.frames.splits import check_labels, clip_splits
from seqkit.topologies.synced.frames.stream import FrameEnsembleStream
from seqkit.topologies.synced.frames.targets import AnyFrameTarget, target_in, target_of, target_of_files
from seqkit.topologies.synced.task import Synced
from seqkit.training import Evaluation
from seqkit.training.recipe import Recipe

C = TypeVar("C", bound=FrameOptions)


class SyncedFrames(Synced[C, Any, Any, FrameCodec, FrameHead]):
    """A label, or a set of labels, for each frame of a video, or of whatever else is measured over time.

    A folder of sequences can always be given; a task of its own with other data overrides :meth:`read`::

        class Gestures(SyncedFrames[GestureConfig]):
            name, summary = "gestures", "what a hand does, frame by frame"
            config = GestureConfig
            background = ("rest",)

        TASK = Gestures()
    """

    steps = "frames"
    example_types = (LabelledClip, LabelSetClip)
    rules = Recipe(steps=2250, least_batch=8, most_batch=16)
    background: ClassVar[Collection[str]] = ()
    """Labels of frames in which nothing happens: pale in pictures, and left out of samples"""

    def read(self, config: C, notes: list[str]) -> Splits[Any]:
        """Three splits of whole sequences: folders of their own, or split off at random."""
        return clip_splits(config, notes)

    def as_trained(self, config: C, codec: FrameCodec) -> C:
        """Names the features of runs that were made when columns of time were features, so that they still are."""
        names = codec.layout.names or ()
        if config.feature_columns is not None or not any(map(names_index, names)) or "," in "".join(names):
            return config
        return replace(config, feature_columns=",".join(names))

    def each_example(self, config: C, data: str, notes: list[str]) -> Iterator[Any]:
        """The sequences of a folder, one after the other, see :class:`~seqkit.topologies.powers.ReadsOneByOne`."""
        path = Path(data)
        if config.valid_data or config.test_data or (path / "train").is_dir():
            raise UsageError(
                f"the sequences of {path} are too many to be read as a whole, and are then split at random: give one "
                "folder, without splits of its own"
            )
        found: Iterator[Any] = target_in(config, path, notes).each(config, path)
        return found

    def recipe(self, config: C, splits: Splits[Any]) -> C:
        """What a frame has, if the data were to say it."""
        found = target_of(splits.train[0]).name
        if config.target not in ("auto", found):
            raise UsageError(f"--target {config.target} is for a folder; {config.data} has a {found} for each frame")
        return super().recipe(replace(config, target=found), splits)

    def read_file(self, config: C, path: Path, codec: FrameCodec) -> list[Any]:
        """Sequences to evaluate on; raises :class:`DataError` for a label that the model does not know."""
        clips = target_of(codec).read(config, path, codec.layout)
        check_labels(clips, codec.labels)
        return clips

    def input_of(self, example: AnyClip) -> Clip:
        """The clip."""
        return example.clip

    def parse_input(self, text: str) -> Path:
        """The file that a text names."""
        return Path(text)

    def read_named_file(self, text: str, codec: FrameCodec, form: FileForm) -> Clip:
        """The sequence in the file that a text names, which is written in that form."""
        return read_clip(Path(text), codec.layout, form)

    def sequence_files(self, codec: FrameCodec, path: Path, form: FileForm) -> list[Path] | None:
        """The sequences in a folder; an array, or a table of frames."""
        return None if path.is_file() and not holds_frames(path, codec.layout, form) else sequence_files(path)

    def step_columns(self, prediction: Any) -> Mapping[str, Sequence[Any]]:
        """The label of each frame, and probabilities."""
        columns: Mapping[str, Sequence[Any]] = prediction.columns()
        return columns

    def learn_codec(self, config: C, train: Sequence[Any]) -> FrameCodec:
        """Layout, scaling, labels and their weights, of the training split."""
        return target_of(train[0]).codec.learn(train, config.class_weight)

    def load_codec(self, files: Mapping[str, Any]) -> FrameCodec:
        """The codec of a run."""
        return target_of_files(files).codec.from_json(files)

    def build_head(self, config: C, codec: FrameCodec) -> FrameHead:
        """A layer for each frame if there is one, an encoder, and a softmax over the labels, or a sigmoid for each."""
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
        return target_of(codec).build_head(config, codec, encoder)

    def size(self, examples: Sequence[AnyClip]) -> tuple[int, str]:
        """Frames."""
        return sum(len(example.labels) for example in examples), self.steps

    def metric_criterion(self, codec: FrameCodec) -> Criterion:
        """That of the target."""
        return target_of(codec).criterion(Criterion(self.metric, self.higher_is_better))

    def metric_for(self, codec: FrameCodec) -> str:
        """That of the target."""
        return self.metric_criterion(codec).score

    def score_counts(self, predictions: Sequence[Any], examples: Sequence[Any]) -> ScoreCounts:
        """Accuracy and macro-F1 of frames, F1 of segments, and edit score; F1 of sets of labels."""
        return _target(examples).score_counts(predictions, examples)

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "a random forest on single frames"

    def predict_baseline(self, config: C, splits: Splits[Any]) -> list[Any]:
        """Each frame by itself: a forest."""
        return _target(splits.train).predict_baseline(config, splits)

    def validate(
        self,
        config: C,
        codec: FrameCodec,
        head: FrameHead,
        items: Sequence[Any],
        examples: Sequence[Any],
        after_batch: Callable[[], None],
    ) -> Evaluation:
        """Scores the validation split, with whatever is tuned on it tuned."""
        predictions, loss = predict_items(head, codec, items, config, with_loss=True, after_batch=after_batch)
        settled = target_of(codec).settled(predictions, examples)
        return Evaluation({"loss": loss, **self.score(settled, examples)}, self.samples(settled, examples))

    def tune(
        self, config: C, codec: FrameCodec, head: FrameHead, items: Sequence[Any], examples: Sequence[Any]
    ) -> dict[str, Any]:
        """Tunes the threshold of sets of labels."""
        predictions = predict_items(head, codec, items, config).predictions
        return target_of(codec).tune(config, head, predictions, examples)

    def samples(self, predictions: Sequence[Any], examples: Sequence[Any]) -> list[Table]:
        """The labels of two sequences beside the truth."""
        return _target(examples).samples(predictions, examples, self.background)

    def tables(self, predictions: Sequence[Any], examples: Sequence[Any]) -> list[Table]:
        """Scores of each label, confusions, and the worst sequences."""
        return _target(examples).tables(predictions, examples)

    def label_scores(self, predictions: Sequence[Any], examples: Sequence[Any]) -> Mapping[str, LabelScore]:
        """Precision, recall, F1 and support of each label, over all frames."""
        return _target(examples).label_scores(predictions, examples)

    def draw_pictures(
        self, head: FrameHead, codec: FrameCodec, predictions: Sequence[Any], examples: Sequence[Any]
    ) -> dict[str, bytes]:
        """``strips.png`` and ``example.csv``."""
        return target_of(codec).pictures(predictions, examples, self.background)

    def confidences(self, prediction: Any, example: Any) -> list[tuple[float, bool]]:
        """The probability of each frame's label, and whether it is correct."""
        return target_of(example).confidences(prediction, example)

    def format_prediction(self, prediction: Any) -> tuple[str, dict[str, Any]]:
        """The labels with a space between, and their probabilities as JSON; of a stream, one frame's."""
        return target_of(prediction).format_prediction(prediction)

    def open_stream(self, head: FrameHead | LabelEnsemble, codec: FrameCodec) -> Stream:
        """See :class:`FrameStream`."""
        if isinstance(head, LabelEnsemble):
            return FrameEnsembleStream(head, codec)
        return target_of(codec).open_stream(head, codec)

    def agreement(self, head: FrameHead, codec: FrameCodec) -> Mapping[str, Any]:
        """Members of an ensemble know the same labels, and read the same features.

        Raises :class:`UsageError` for heads of sets of labels, which have no average.
        """
        if target_of(codec).name != LABEL:
            raise UsageError("only models of one label for each frame answer together, not of sets of labels")
        return {"labels": head.labels, "features": codec.layout}

    def ensemble(self, heads: Sequence[FrameHead]) -> LabelEnsemble:
        """The average of the probabilities."""
        return LabelEnsemble(heads)

    def export(self, head: FrameHead, codec: FrameCodec) -> Exported:
        """``frames`` and ``lengths`` to ``logits`` and ``probabilities``."""
        return target_of(codec).export(head, codec)

    def explain(self, head: FrameHead, codec: FrameCodec, raw: Any) -> Explanation:
        """The log-probabilities of the most likely labels, summed; and the frames, by their numbers."""
        return target_of(codec).explain(head, codec, raw)


def _target(examples: Sequence[Any]) -> AnyFrameTarget:
    return target_of(examples[0] if examples else None)
