"""What can be predicted of a text: the contract of a label, a set of labels, and numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from seqkit.data import Splits
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextInputs
from seqkit.topologies.powers import Explanation

E = TypeVar("E")
"""An example"""
P = TypeVar("P")
"""A prediction"""
K = TypeVar("K", bound=TextInputs)
"""The codec"""
H = TypeVar("H", bound=TextHead)
"""The head"""


class Target(ABC, Generic[E, P, K, H]):
    """What is said of a text, all the way from a column of a file to a score; it has no state.

    A task of the topology asks the target of its configuration, codec, examples or predictions.
    """

    name: ClassVar[str]
    """What ``--target`` calls it"""
    baseline_name: ClassVar[str]
    """What :meth:`predict_baseline` is, after "better than\""""
    example: ClassVar[type[Any]]
    prediction: ClassVar[type[Any]]
    codec: ClassVar[type[Any]]

    # What every run asks

    @abstractmethod
    def read(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> list[E]:
        """The examples of a file."""

    @abstractmethod
    def each(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> Iterator[E]:
        """The examples of a file, one after the other: for one that is larger than memory."""

    @abstractmethod
    def check(self, examples: Sequence[E], splits: int) -> None:
        """Raises :class:`DataError` for examples that cannot be divided into this many splits and learned from."""

    @abstractmethod
    def check_known(self, examples: Sequence[E], codec: K) -> None:
        """Raises :class:`DataError` for what a model cannot have learned, such as another label."""

    @abstractmethod
    def check_given(self, examples: Sequence[E], train: Sequence[E]) -> None:
        """Raises :class:`DataError` for what is in a file of a split, and not in training."""

    @abstractmethod
    def stratum(self, examples: Sequence[E]) -> Callable[[E], str]:
        """Of what each random split gets its share."""

    def notes(self, splits: Splits[E]) -> list[str]:
        """What people should know of splits that were drawn at random."""
        return []

    @abstractmethod
    def learn_codec(self, config: ManyToOneOptions, train: Sequence[E]) -> K:
        """Raises :class:`UsageError` for an option that is of another target."""

    @abstractmethod
    def load_codec(self, files: Mapping[str, Any]) -> K:
        """The codec of a run."""

    @abstractmethod
    def build_head(self, config: ManyToOneOptions, codec: K, encoder: Encoder) -> H:
        """A new head on the encoder."""

    @abstractmethod
    def criterion(self, codec: K, of_task: Criterion) -> Criterion:
        """The score that models are compared by; ``of_task`` is that of a task which predicts labels."""

    @abstractmethod
    def predict_baseline(self, config: ManyToOneOptions, splits: Splits[E]) -> list[P]:
        """What a simple conventional model predicts for the test split."""

    def settled(self, config: ManyToOneOptions, predictions: Sequence[P], examples: Sequence[E]) -> Sequence[P]:
        """Predictions of the validation split as they would be, had :meth:`tune` chosen what it chooses."""
        return predictions

    @abstractmethod
    def tune(
        self,
        config: ManyToOneOptions,
        head: H,
        predictions: Sequence[P],
        examples: Sequence[E],
        criterion: Criterion,
        score: Callable[[Sequence[P], Sequence[E]], dict[str, float]],
    ) -> dict[str, Any]:
        """Chooses on validation what training leaves open; what ``results.json`` says of it."""

    # What scores and reports ask

    @abstractmethod
    def score(self, predictions: Sequence[P], examples: Sequence[E]) -> dict[str, float]:
        """The scores of predictions against examples."""

    def score_counts(self, predictions: Sequence[P], examples: Sequence[E]) -> ScoreCounts | None:
        """See :meth:`Task.score_counts`."""
        return None

    def label_scores(self, predictions: Sequence[P], examples: Sequence[E]) -> Mapping[str, LabelScore]:
        """Precision, recall, F1 and support of each label."""
        return {}

    @abstractmethod
    def tables(self, predictions: Sequence[P], examples: Sequence[E]) -> list[Table]:
        """What to show of the test split."""

    @abstractmethod
    def format_prediction(self, prediction: P) -> tuple[str, dict[str, Any]]:
        """A prediction as a line of text and as JSON."""

    def confidences(self, prediction: P, example: E) -> list[tuple[float, bool]]:
        """The probability of each label that is predicted, and whether it is correct."""
        return []

    def probabilities(self, prediction: P) -> dict[str, float] | None:
        """Of every label; None where there are none."""
        return None

    @abstractmethod
    def export(self, head: H, codec: K) -> Exported:
        """The head as a graph."""

    @abstractmethod
    def explain(self, head: H, codec: K, raw: Any) -> Explanation:
        """The answer to an input with a gradient, and the tokens that it read."""
