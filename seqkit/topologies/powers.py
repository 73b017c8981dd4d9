"""What a task may be able to do beyond training and predicting; each power is a protocol, named for who asks for it.

A task has a power if it has its method: no flag says so a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from seqkit.answers.streams import Stream
from seqkit.data import SourceLocation

if TYPE_CHECKING:
    from seqkit.data import Splits
    from seqkit.data.indexed import RowHead
    from seqkit.data.readers import FileForm
    from seqkit.graphs import Exported
    from seqkit.search import Sampling
    from seqkit.topologies.ensemble import EnsembleHead


@runtime_checkable
class Generates(Protocol):
    """Goes on with a text: ``seqkit generate``."""

    def generate(self, head: Any, codec: Any, prompt: str, sampling: Sampling, notes: list[str]) -> Iterator[str]:
        """The text that follows the prompt, piece by piece; ``notes`` gets what could not be read of the prompt."""
        ...


@runtime_checkable
class Streams(Protocol):
    """Predicts step by step: ``seqkit predict --stream``."""

    def open_stream(self, head: Any, codec: Any) -> Stream:
        """A new stream; raises :class:`UsageError` for a model that needs whole sequences."""
        ...


class Passage(NamedTuple):
    """A piece of a file: an input, or what is between inputs, which is None."""

    input: Any | None
    location: SourceLocation
    answered: Callable[[Any], str]
    """The piece as a text, with a prediction in it; of None, as it was"""


@runtime_checkable
class ReadsOneByOne(Protocol):
    """Reads data that are larger than memory: ``seqkit prepare``."""

    def each_example(self, config: Any, data: Any, notes: list[str]) -> Iterator[Any]:
        """The examples of a file, one after the other, in memory that does not grow with it; ``notes`` is complete at
        the end.

        Raises :class:`UsageError` for options that need all examples at once.
        """
        ...


@runtime_checkable
class ReadsRows(ReadsOneByOne, Protocol):
    """Has files with an example in each row, whatever rows are around it: these are read by an index.

    ``each_example`` then takes a path, too, which opens as some of the rows. Examples have a ``location``.
    """

    def row_head(self, config: Any, path: Path) -> RowHead | None:
        """How a file is cut into rows; None for one that is written otherwise."""
        ...

    def decided(self, config: Any, path: Path) -> Any:
        """The configuration with whatever the first rows of a file decide for all."""
        ...


@runtime_checkable
class AnswersFiles(Protocol):
    """Has formats of its own that come back with the answers in them: ``seqkit predict --input``."""

    def passages(self, config: Any, path: Path, notes: list[str]) -> Iterator[Passage] | None:
        """The pieces of a file in order; None for a file that is a table, or a text on each line."""
        ...


@runtime_checkable
class LabelsSteps(Protocol):
    """Answers files of sequences with tables, a row for each step: ``seqkit predict --input FOLDER``."""

    def sequence_files(self, codec: Any, path: Path, form: FileForm) -> list[Path] | None:
        """The sequences in a folder, or the file of one; None for a file that is something else."""
        ...

    def step_columns(self, prediction: Any) -> Mapping[str, Sequence[Any]]:
        """Columns of a table with a row for each step."""
        ...


@runtime_checkable
class NamesFiles(Protocol):
    """Inputs that are typed name files."""

    def read_named_file(self, text: str, codec: Any, form: FileForm) -> Any:
        """What is in the file, which is written in that form."""
        ...


@runtime_checkable
class Ensembles(Protocol):
    """Lets several of its models answer as one: ``seqkit ensemble``."""

    def agreement(self, head: Any, codec: Any) -> Mapping[str, Any]:
        """What members must have alike, by what a person would call it: ``{"labels": ("ham", "spam")}``."""
        ...

    def ensemble(self, heads: Sequence[Any]) -> EnsembleHead:
        """The average of heads that agree; raises :class:`UsageError` for those that have none."""
        ...


@runtime_checkable
class ReadsParallel(Protocol):
    """Reads two files, line by line the same: ``seqkit evaluate --source A --target B``."""

    def read_parallel(self, config: Any, source: Path, target: Path, notes: list[str]) -> list[Any]:
        """The examples to evaluate on; ``notes`` is given sentences about what was left out."""
        ...


@runtime_checkable
class Tunes(Protocol):
    """Chooses on the validation split what training leaves open, such as the threshold of a label."""

    def tune(
        self, config: Any, codec: Any, head: Any, items: Sequence[Any], examples: Sequence[Any]
    ) -> Mapping[str, Any]:
        """Changes the trained head; what ``results.json`` says of it, nothing if there was nothing to choose.

        It chooses the same whether or not the head has been tuned before: a run that was stopped after its best weights
        had been tuned, and before it had results, tunes them again, and so does a finished one that gets more epochs.
        """
        ...


@runtime_checkable
class FitsFirst(Protocol):
    """Fits a part of the head to the training examples at once, before the training."""

    def fit_first(self, codec: Any, head: Any, items: Callable[[], Sequence[Any]]) -> None:
        """Changes the new head; ``items`` are the encoded training examples, of a split larger than memory a sample."""
        ...


@runtime_checkable
class Pretrains(Protocol):
    """Trains language models before the head, where the configuration asks for them."""

    def widened(self, config: Any, codec: Any, splits: Splits[Any]) -> Any:
        """The codec that knows the symbols of the texts, too, or the one given."""
        ...

    def pretraining(self, config: Any, codec: Any, head: Any, splits: Splits[Any], notes: list[str]) -> Any:
        """A :class:`~seqkit.topologies.pretraining.Pretraining` of the head's encoder; None where it does not pay."""
        ...


class Signals(NamedTuple):
    """Frames as a head has read them."""

    values: Tensor
    """(T, F)"""
    labels: Sequence[str]
    """What was predicted for each frame"""
    names: Sequence[str] = ()
    """Of the features, where they have any"""


class Explanation(NamedTuple):
    """One input as a head has read it, for those who look inside."""

    answer: str
    score: Tensor
    """What the answer rests on, a number with a gradient: its log-probability as a rule"""
    steps: Mapping[str, Sequence[str]]
    """For recurrent layers by their name in the head, what each step read"""
    attention: tuple[Sequence[str], Sequence[str]] = ((), ())
    """Where there is attention: what was looked at, and what was written or read while looking"""
    notes: Sequence[str] = ()
    """What else should be known of the answer, a sentence each"""
    probabilities: Mapping[str, float] = MappingProxyType({})
    """Of the possible answers, where there are few enough to be listed"""
    signals: Signals | None = None
    """Where the input is a sequence of frames"""


@runtime_checkable
class Explains(Protocol):
    """Names what a model reads: ``seqkit inspect``, which numbers the steps of a task without this power."""

    def explain(self, head: Any, codec: Any, raw: Any) -> Explanation:
        """Reads one raw input with gradients, and answers as ``predict`` does."""
        ...


@runtime_checkable
class Exports(Protocol):
    """Gives a head in parts that run elsewhere: ``seqkit export``."""

    def export(self, head: Any, codec: Any) -> Exported:
        """The parts, see :mod:`seqkit.graphs`; raises :class:`UsageError` for a head that has no such form."""
        ...
