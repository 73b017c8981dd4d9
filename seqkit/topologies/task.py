"""The contract of a task: a head with its data, its scores and its defaults; everything that a run needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol

from torch import Tensor

from seqkit.config import TrainingConfig
from seqkit.config.options import C
from seqkit.data import SourceLocation, Splits, Vocabulary
from seqkit.data.readers import choose_column
from seqkit.graphs import Exported
from seqkit.layers import Head
from seqkit.scores.resampling import ScoreCounts
from seqkit.search import Sampling
from seqkit.tables import Table
from seqkit.training.batches import Batches, EpochBatches
from seqkit.training.trainer import Evaluation


class EncodingReport(NamedTuple):
    """How a codec reads an input."""

    symbols: int
    """Symbols that it has."""
    cut: int
    """Those at the end that are left out, because the input is longer than the model was made for."""
    unknown: Sequence[str]
    """Those, of the others, that training has not seen."""


def text_column(
    config: TrainingConfig, codec: Codec | None, columns: Sequence[str], header: SourceLocation
) -> tuple[str, ...]:
    """The column of the text: that of the option ``text_column``, else the one whose name says so."""
    return (choose_column(columns, getattr(config, "text_column", None), "text", header),)


class Codec(ABC):
    """Between what people write and what a head reads: learned on the training data, saved beside the model."""

    @abstractmethod
    def encode(self, raw: Any, example: Any = None) -> Any:
        """One input as an item for :meth:`collate`; with the example it comes from, its target goes along."""

    @abstractmethod
    def length(self, item: Any) -> int:
        """How many steps an item takes."""

    @abstractmethod
    def collate(self, items: Sequence[Any]) -> Any:
        """A batch of items."""

    def account(self, raw: Any, example: Any = None) -> EncodingReport | None:
        """How an input is read, that of an example with its target; None: all of it, symbol by symbol."""
        return None

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the embeddings of the head read, by their name in it: ``{"encoder.embedding": vocabulary}``."""
        return {}

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """File name to content, from which the task makes the codec again."""


class Explanation(NamedTuple):
    """One input as a head has read it, for those who look inside."""

    answer: str
    score: Tensor
    """What the answer rests on, a number with a gradient: its log-probability as a rule"""
    steps: Mapping[str, Sequence[str]]
    """For recurrent layers by their name in the head, what each step read"""
    looking: tuple[Sequence[str], Sequence[str]] = ((), ())
    """Where there is attention: what was looked at, and what was written or read while looking"""


class Stream(Protocol):
    """Predictions while a sequence arrives, in memory that does not grow with it."""

    def push(self, line: str) -> Any:
        """Reads one step, written on a line; returns the prediction that it settles, None if there is none yet.

        Raises :class:`DataError` for a line that is no step; the stream is as it was, then.
        """
        ...

    def finish(self) -> Sequence[Any]:
        """The sequence is over: the predictions still owed. The next step begins another one."""
        ...


@dataclass(frozen=True)
class Task(Generic[C]):
    """A head with its data, metrics and defaults."""

    name: str
    topology: str
    summary: str
    config: type[C]
    data_sets: Mapping[str, str]
    metric: str
    higher_is_better: bool
    read: Callable[[C, list[str]], Splits[Any]]
    """Reads the data; the list is given sentences that people should see."""
    read_file: Callable[[C, Path, Codec], list[Any]]
    """Reads one more file of examples, to evaluate on."""
    raw: Callable[[Any], Any]
    """The input side of an example, as a user would type it."""
    learn: Callable[[C, Sequence[Any]], Codec]
    """Makes the codec from the training part."""
    load_codec: Callable[[Mapping[str, Any]], Codec]
    """Makes the codec again from what ``Codec.to_json`` returned; raises naming the file that is wrong."""
    head: Callable[[C, Codec], Head]
    score: Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]
    """Scores of predictions against examples."""
    baseline: Callable[[C, Splits[Any]], Sequence[Any]]
    """What a simple conventional model, of the same parts, predicts for the test part: ``score`` takes it."""
    tables: Callable[[Sequence[Any], Sequence[Any]], list[Table]]
    """What else to show of the test set: a confusion matrix, the worst mistakes."""
    show: Callable[[Any], tuple[str, dict[str, Any]]]
    """A prediction as a line of text and as JSON."""
    metric_for: Callable[[Codec], str] | None = None
    """The metric, where it depends on what the labels of the data are."""
    defaults_for: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options that go with one of the data sets, where the command line asks for no others."""
    begin: Callable[[C, Codec, Head, list[str]], None] = lambda *_: None
    """Puts what comes from outside (word vectors) into a new head; never called again for a run that has begun."""
    input_columns: Callable[[C, Codec | None, Sequence[str], SourceLocation], tuple[str, ...]] = text_column
    """Of the columns of a table, those that make an input, told apart by spaces; without a codec, before it is learned.
    Raises :class:`UsageError` if there are none."""
    probabilities: Callable[[Any], dict[str, float]] | None = None
    """The probability of every label, where a prediction has them."""
    parted: Callable[[Any, Any], Sequence[tuple[Any, Any]]] = lambda prediction, example: [(prediction, example)]
    """A prediction and its example as pieces that a score may be taken on apart, to tell how sure it is."""
    tallies: Callable[[Sequence[Any], Sequence[Any]], ScoreCounts] | None = None
    """What ``score`` counts in each prediction and its example, where to score draws of them anew takes long."""
    answers: Callable[[Any, Any], Sequence[tuple[float, bool]]] | None = None
    """How sure a prediction is of each of its labels, and whether it is that of the example."""
    from_text: Callable[[str], Any] = str
    """The input that a text on the command line means: itself, or the file that it names."""
    while_validating: Mapping[str, Any] = field(default_factory=dict)
    """Options of ``Head.predict`` on the validation part after each epoch, such as a quicker search."""
    while_predicting: Sequence[str] = ()
    """The options of the configuration that ``Head.predict`` takes, too: `seqkit predict RUN --set beam_size=10`."""
    samples: Callable[[Sequence[Any], Sequence[Any]], list[Table]] = lambda predictions, examples: []
    """What to show of the validation part after each epoch: a handful of predictions beside the truth."""
    pictures: Callable[[Head, Codec, Sequence[Any], Sequence[Any]], dict[str, bytes]] = lambda *_: {}
    """File name to content, made from predictions and examples of the test part and kept in the run."""
    amount: Callable[[Sequence[Any]], tuple[int, str]] = lambda examples: (len(examples), "examples")
    """How much a part of the data is, and of what."""
    unit: Callable[[C], str] = lambda config: "examples"
    """What a loss counts, and the speed of training is told in."""
    batches: Callable[[Codec, Sequence[Any], C], Batches] = EpochBatches
    """The training items as batches; those of a stream carry the state from one to the next."""
    validate: Callable[[C, Codec, Head, Sequence[Any], Callable[[], None]], Evaluation] | None = None
    """Scores the validation items, ``loss`` among the scores, calling the function now and then; None: the loss of
    every batch, and ``score`` of every prediction."""
    generate: Callable[[Head, Codec, str, Sampling, list[str]], Iterator[str]] | None = None
    """Goes on with a text, piece by piece, and notes what it could not read of it; None: the task does not."""
    stream: Callable[[Head, Codec], Stream] | None = None
    """Begins a stream; raises :class:`UsageError` for a model that needs whole sequences; None: the task has none."""
    watch: Callable[[Head, Codec, Any], Explanation] | None = None
    """Reads one raw input with gradients, answering as ``predict`` does; None: `seqkit inspect` numbers the steps."""
    export: Callable[[Head, Codec], Exported] | None = None
    """The head in parts that run elsewhere, see :mod:`seqkit.graphs`; None: it is not exported."""
