"""What can be said of a frame: the contract of a label and of a set of labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from seqkit.answers.streams import Stream
from seqkit.data.frames import Clip, Layout
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.powers import Explanation
from seqkit.topologies.synced.frames.codec import FrameCodec
from seqkit.topologies.synced.frames.head import FrameHead
from seqkit.topologies.synced.frames.options import FrameOptions

E = TypeVar("E")
"""An example"""
P = TypeVar("P")
"""A prediction"""


class FrameTarget(ABC, Generic[E, P]):
    """What is said of each frame, from the files of a folder to a score; it has no state."""

    name: ClassVar[str]
    """What ``--target`` calls it"""
    example: ClassVar[type[Any]]
    predictions: ClassVar[tuple[type[Any], ...]]
    codec: ClassVar[type[FrameCodec]]
    head: ClassVar[type[FrameHead]]

    @abstractmethod
    def read(self, config: FrameOptions, path: Path, layout: Layout | None) -> list[E]:
        """The sequences of a folder or file."""

    @abstractmethod
    def each(self, config: FrameOptions, path: Path) -> Iterator[E]:
        """The sequences of a folder or file, one after the other: for more than fit into memory."""

    @abstractmethod
    def check(self, clips: Sequence[E]) -> None:
        """Raises :class:`DataError` for clips from which nothing can be learned."""

    def build_head(self, config: FrameOptions, codec: FrameCodec, encoder: Encoder) -> FrameHead:
        """A new head on the encoder."""
        return self.head(encoder, codec.labels, config.delay, codec.class_weights)

    @abstractmethod
    def criterion(self, of_task: Criterion) -> Criterion:
        """The score that models are compared by; ``of_task`` is that of a task which gives one label."""

    @abstractmethod
    def score_counts(self, predictions: Sequence[P], examples: Sequence[E]) -> ScoreCounts:
        """What the scores count in each sequence."""

    @abstractmethod
    def predict_baseline(self, config: FrameOptions, splits: Any) -> list[P]:
        """What a simple conventional model predicts for the test split."""

    def settled(self, predictions: Sequence[P], examples: Sequence[E]) -> Sequence[P]:
        """Predictions of the validation split as they would be, had :meth:`tune` chosen what it chooses."""
        return predictions

    def tune(self, config: FrameOptions, head: Any, predictions: Sequence[P], examples: Sequence[E]) -> dict[str, Any]:
        """Chooses on validation what training leaves open; what ``results.json`` says of it."""
        return {}

    @abstractmethod
    def samples(self, predictions: Sequence[P], examples: Sequence[E], background: Collection[str]) -> list[Table]:
        """What to show after each epoch."""

    @abstractmethod
    def tables(self, predictions: Sequence[P], examples: Sequence[E]) -> list[Table]:
        """What to show of the test split."""

    @abstractmethod
    def label_scores(self, predictions: Sequence[P], examples: Sequence[E]) -> Mapping[str, LabelScore]:
        """Precision, recall, F1 and support of each label, over all frames."""

    @abstractmethod
    def pictures(
        self, predictions: Sequence[P], examples: Sequence[E], background: Collection[str]
    ) -> dict[str, bytes]:
        """``strips.png`` and ``example.csv``."""

    @abstractmethod
    def confidences(self, prediction: P, example: E) -> list[tuple[float, bool]]:
        """The probability of each label that is predicted, and whether it is correct."""

    @abstractmethod
    def format_prediction(self, prediction: Any) -> tuple[str, dict[str, Any]]:
        """A prediction as a line of text and as JSON; or that of one frame of a stream."""

    @abstractmethod
    def open_stream(self, head: Any, codec: Any) -> Stream:
        """Predictions while a sequence arrives."""

    @abstractmethod
    def export(self, head: Any, codec: Any) -> Exported:
        """The head as a graph."""

    @abstractmethod
    def explain(self, head: Any, codec: Any, raw: Clip | Path) -> Explanation:
        """The answer to a sequence with a gradient."""
