"""The contract of a task: a head with its data, its scores and its defaults; everything that a run needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from seqkit.config import TrainingConfig
from seqkit.data import SourceLocation, Splits
from seqkit.data.prepared import count_of
from seqkit.data.readers import FileForm, choose_column
from seqkit.layers import Head
from seqkit.scores.direction import Criterion, higher_is_better
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.codec import Codec
from seqkit.topologies.prediction import predict_items
from seqkit.training import Batches, Evaluation
from seqkit.training.recipe import Recipe
from seqkit.training.windows import epoch_batches

C = TypeVar("C", bound=TrainingConfig)
"""The configuration"""
E = TypeVar("E")
"""An example: an input with its target, and where both are"""
P = TypeVar("P")
"""A prediction"""
K = TypeVar("K", bound=Codec[Any, Any, Any])
"""The codec"""
H = TypeVar("H", bound=Head)
"""The head"""


class Task(ABC, Generic[C, E, P, K, H]):
    """A head with its data, metrics and defaults; a topology is a subclass, a task a subclass of that.

    Generic in configuration C, example E, prediction P, codec K and head H. What `generate`, `inspect`, `export` and
    streams ask for are the protocols of :mod:`seqkit.topologies.powers`. A task has no state: all that a run needs
    comes as arguments.
    """

    name: ClassVar[str]
    """What the command line calls it"""
    topology: ClassVar[str]
    """Which inputs meet which outputs: ``"many to one"``"""
    summary: ClassVar[str]
    """What it does, in a few words"""
    config: type[C]
    """Its options and their defaults"""
    data_sets: ClassVar[Mapping[str, str]] = {}
    """What ``--data`` takes beside files: the names, and what each is"""
    data_set_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Options that go with one of the data sets, unless others are requested"""
    metric: ClassVar[str]
    """The score that models are compared by"""
    higher_is_better: ClassVar[bool] = True
    validation_options: ClassVar[Mapping[str, Any]] = {}
    """Options of ``Head.predict`` on the validation split after each epoch, such as a quicker search"""
    answers_class_folders: ClassVar[bool] = False
    """Whether ``seqkit predict`` takes a folder that has a folder of texts for each label"""
    rules: ClassVar[Recipe] = Recipe()
    """How the options of training that nobody has set follow from the data"""
    example_types: ClassVar[Sequence[type[Any]]] = ()
    """The dataclasses of examples, so that ``seqkit prepare`` can write and read them; none: it cannot"""
    prediction_options: ClassVar[Sequence[str]] = ()
    """The options of the configuration that ``Head.predict`` takes, too: ``seqkit predict RUN --set beam_size=10``"""

    # What every run asks

    @abstractmethod
    def read(self, config: C, notes: list[str]) -> Splits[E]:
        """Reads the data; ``notes`` is given sentences that people should see."""

    def recipe(self, config: C, splits: Splits[E]) -> C:
        """The configuration with what follows from the data in place of its defaults; what somebody set is kept.

        A run that continues does not ask again: ``config.toml`` has the values.
        """
        return self.rules.apply(config, count_of(splits.train))

    def as_trained(self, config: C, codec: K) -> C:
        """The configuration of an existing run, which reads its data as they were read when the run was made.

        It differs only where an earlier version read them differently.
        """
        return config

    @abstractmethod
    def read_file(self, config: C, path: Path, codec: K) -> list[E]:
        """Reads one more file of examples, to evaluate on."""

    @abstractmethod
    def input_of(self, example: E) -> Any:
        """The input of an example, as a user would give it."""

    @abstractmethod
    def learn_codec(self, config: C, train: Sequence[E]) -> K:
        """Makes the codec from the training split."""

    @abstractmethod
    def load_codec(self, files: Mapping[str, Any]) -> K:
        """Makes the codec again from what ``Codec.to_json`` returned; raises naming the file that is wrong."""

    @abstractmethod
    def build_head(self, config: C, codec: K) -> H:
        """A new head, its weights drawn from torch's generator."""

    @abstractmethod
    def score(self, predictions: Sequence[P], examples: Sequence[E]) -> dict[str, float]:
        """The scores of predictions against examples."""

    @abstractmethod
    def predict_baseline(self, config: C, splits: Splits[E]) -> Sequence[P]:
        """What a simple conventional model, trained on the same split, predicts for the test split."""

    def baseline_name(self, config: C) -> str:
        """What :meth:`predict_baseline` is, after "better than": ``"logistic regression on TF-IDF"``."""
        return "the baseline"

    @abstractmethod
    def format_prediction(self, prediction: P) -> tuple[str, dict[str, Any]]:
        """A prediction as a line of text and as JSON."""

    def without_counts(self, config: C) -> C:
        """The configuration with which a codec reads the same symbols, without what only training needs of the data."""
        return config

    # What training asks

    def metric_for(self, codec: K) -> str:
        """The metric, where it depends on what the labels of the data are."""
        return self.metric

    def metric_criterion(self, codec: K) -> Criterion:
        """The metric, and which way it improves."""
        return Criterion(self.metric_for(codec), self.higher_is_better)

    def criterion(self, config: C, codec: K) -> Criterion:
        """The score that chooses the model of an epoch: the one requested, else the metric."""
        metric = self.metric_criterion(codec)
        # Tables show macro-f1 for macro_f1.
        selected = (config.select or metric.score).replace("-", "_")
        return metric if selected == metric.score else Criterion(selected, higher_is_better(selected))

    def unit(self, config: C) -> str:
        """What a loss counts, and the speed of training is reported in."""
        return "examples"

    def size(self, examples: Sequence[E]) -> tuple[int, str]:
        """How much a split has, and of what."""
        return len(examples), "examples"

    def initialize_from_outside(self, config: C, codec: K, head: H, notes: list[str]) -> None:
        """Puts what comes from outside (word vectors) into a new head; never called for a run that has begun."""

    def batches(self, codec: K, items: Sequence[Any], config: C) -> Batches:
        """The training items as batches; those of a stream carry the state from one to the next."""
        return epoch_batches(codec, items, config)

    def validate(
        self,
        config: C,
        codec: K,
        head: H,
        items: Sequence[Any],
        examples: Sequence[E],
        after_batch: Callable[[], None],
    ) -> Evaluation:
        """Scores the validation split, ``loss`` among the scores; calls ``after_batch`` now and then."""
        predictions, loss = predict_items(
            head, codec, items, config, with_loss=True, after_batch=after_batch, **self.validation_options
        )
        return Evaluation({"loss": loss, **self.score(predictions, examples)}, self.samples(predictions, examples))

    def samples(self, predictions: Sequence[P], examples: Sequence[E]) -> list[Table]:
        """What to show of the validation split after each epoch: a handful of predictions beside the truth."""
        return []

    # What reports ask

    def tables(self, predictions: Sequence[P], examples: Sequence[E]) -> list[Table]:
        """What else to show of the test split: a confusion matrix, the worst mistakes."""
        return []

    def label_scores(self, predictions: Sequence[P], examples: Sequence[E]) -> Mapping[str, LabelScore]:
        """Precision, recall, F1 and support of each label, where there are labels."""
        return {}

    def draw_pictures(self, head: H, codec: K, predictions: Sequence[P], examples: Sequence[E]) -> dict[str, bytes]:
        """File name to content: pictures of predictions for the test split, kept in the run."""
        return {}

    def confidences(self, prediction: P, example: E) -> Sequence[tuple[float, bool]]:
        """The probability that a prediction gives each of its labels, and whether that label is correct."""
        return ()

    def resampling_units(self, prediction: P, example: E) -> Sequence[tuple[Any, Any]]:
        """A prediction and its example as pieces that can be scored alone, from which intervals are resampled."""
        return [(prediction, example)]

    def score_counts(self, predictions: Sequence[P], examples: Sequence[E]) -> ScoreCounts | None:
        """What ``score`` counts in each prediction and its example, where scoring each resample again takes long."""
        return None

    # What predicting asks

    def parse_input(self, text: str) -> Any:
        """The input that a text on the command line means: itself, or the file that it names."""
        return text

    def input_columns(
        self, config: C, codec: K | None, columns: Sequence[str], header: SourceLocation
    ) -> tuple[str, ...]:
        """Of the columns of a table, those that make an input; without a codec, before one is learned.

        Raises :class:`UsageError` if there are none.
        """
        return (choose_column(columns, getattr(config, "text_column", None), "text", header),)

    def join_columns(self, values: Sequence[str]) -> str:
        """The input that those columns of a row make, as a text."""
        return " ".join(value.strip() for value in values)

    def unnamed_columns(self, config: C, path: Path, form: FileForm) -> tuple[str, ...]:
        """Names for the columns of a table whose first line is an input already; nothing if it has the names."""
        return ()

    def probabilities(self, prediction: P) -> dict[str, float] | None:
        """The probability of every label; None where predictions have none."""
        return None


AnyTask = Task[Any, Any, Any, Any, Any]
"""A task, whatever it is made of"""
AnyCodec = Codec[Any, Any, Any]
"""A codec, whatever it reads"""
