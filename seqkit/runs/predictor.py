"""A run as a function of batches, which other programs hand to their processes: Arrow or pandas in, the same out."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from seqkit.data import SourceLocation
from seqkit.data.readers import as_text, choose_text_columns, shown
from seqkit.data.readers.columnar import as_cell
from seqkit.data.readers.location import DataError
from seqkit.errors import SeqkitError, UsageError
from seqkit.runs.answer_columns import arrow_arrays, arrow_library, arrow_schema
from seqkit.runs.answers import predict_rows
from seqkit.runs.model import Model, answering_digest, check_options, load
from seqkit.runs.rows import InputRow, windows

B = TypeVar("B")

_LOADING = threading.Lock()


class _BatchRow(SourceLocation):
    """A row of a batch, counted from 1; 0 is the line of names."""

    def __str__(self) -> str:
        return f"row {self.line} of the batch" if self.line else "the batch"


class _Loaded(NamedTuple):
    model: Model
    facts: dict[str, Any] | None
    """What a prediction is made of; None where no text is an input"""


class Predictor:
    """Predicts the rows of batches: each comes back with a column for each thing predicted, as in a CSV.

    A batch is a ``RecordBatch`` or ``Table`` of pyarrow, or a ``DataFrame`` of pandas; what comes back is of the same
    kind. It needs pyarrow (``pip install 'seqkit[arrow]'``). A blank row has nulls.

    It can be pickled, and is then no more than a path, options and a digest: each process loads the run when its first
    batch comes, once, and refuses a run that has changed since.

    Args:
        run: the folder of the run; every process must find it under the same path.
        device: as in :func:`seqkit.load`.
        text_column: the column of the input; None: the one that the run was trained on, or whose name says so.
        options: those of the head's ``predict``, such as ``beam_size=1``.

    Raises :class:`UsageError` for a folder that is not a run.
    """

    def __init__(
        self, run: str | Path, device: str | None = None, text_column: str | None = None, **options: Any
    ) -> None:
        self.run, self.device, self.text_column, self.options = str(Path(run).resolve()), device, text_column, options
        self.digest = answering_digest(Path(self.run))

    def __repr__(self) -> str:
        return f"Predictor({self.run!r})"

    def __call__(self, batch: B) -> B:
        """The same rows with the columns of what was predicted.

        Raises :class:`DataError` with the number of a row that cannot be read, counted from 1, and
        :class:`UsageError` for a batch without a column of the input, or with one of those that are added.
        """
        arrow = arrow_library("a Predictor")
        any_batch: Any = batch
        if _is_frame(any_batch):
            table = arrow.table({str(name): arrow.Array.from_pandas(any_batch[name]) for name in any_batch.columns})
            added = self._added(arrow, table)
            any_batch = any_batch.assign(**{name: _of_frame(any_batch, column) for name, column in added.items()})
        else:
            for name, column in self._added(arrow, any_batch).items():
                any_batch = any_batch.append_column(name, column)
        return cast(B, any_batch)

    def each(self, batches: Iterable[B]) -> Iterator[B]:
        """The batches one by one, which is what ``mapInPandas`` and ``mapInArrow`` of Spark ask for."""
        return map(self, batches)

    def schema(self, given: Any) -> Any:
        """The schema (pyarrow) of what comes back for batches of the ``given`` schema.

        Raises :class:`UsageError` for a task whose answers are not known before there is an input.
        """
        arrow = arrow_library("a Predictor")
        facts = self._loaded().facts
        if facts is None:
            task = self._loaded().model.task.name
            raise UsageError(f"the columns of a {task} model are known when it has answered; predict a batch first")
        return arrow.schema([*given, *arrow_schema(arrow, facts)])

    def _loaded(self) -> _Loaded:
        with _LOADING:
            return _load(self.run, self.digest, self.device)

    def _added(self, arrow: Any, table: Any) -> dict[str, Any]:
        """Name to array of the columns that predictions make."""
        model, known = self._loaded()
        check_options(model.head, self.options)
        groups = windows(self._rows(model, table))
        answered = [pair for group in predict_rows(model, groups, lambda note: None, **self.options) for pair in group]
        facts = [None if found is None else model.task.format_prediction(found)[1] for _, found in answered]
        schema = arrow_schema(arrow, known or next(filter(None, facts), {}))
        taken = [name for name in schema.names if name in table.schema.names]
        if taken:
            raise UsageError(f"the batch has a column {shown(taken[0])} already; rename it, it would be written twice")
        return dict(zip(schema.names, arrow_arrays(arrow, schema, facts), strict=True))

    def _rows(self, model: Model, table: Any) -> Iterator[InputRow]:
        names = list(table.schema.names)
        columns = [table.column(names.index(name)).to_pylist() for name in self._input_columns(model, names)]
        for number, values in enumerate(zip(*columns, strict=True), 1):
            location = _BatchRow("", number)
            yield InputRow(model.task.join_columns([_text(value, location) for value in values]), location)

    def _input_columns(self, model: Model, names: Sequence[str]) -> tuple[str, ...]:
        header = _BatchRow("", 0)
        try:
            if self.text_column is not None:
                return choose_text_columns(names, self.text_column, header)
            return model.task.input_columns(model.config, model.codec, names, header)
        except UsageError as error:
            # Here no option of a command names the column.
            raise UsageError(str(error).replace("--text-column", "text_column")) from None


@lru_cache(maxsize=8)
def _load(run: str, digest: str, device: str | None) -> _Loaded:
    """The run, which stays loaded: an engine unpickles a Predictor for every piece of work that a process does."""
    if answering_digest(Path(run)) != digest:
        raise SeqkitError(f"{run} has changed since the Predictor was made; make a new one of it")
    model = load(run, device)
    return _Loaded(model, facts_of_any(model))


def facts_of_any(model: Model) -> dict[str, Any] | None:
    """What a prediction is made of; None for a model to which a word is no input."""
    try:
        (prediction,) = model.answers([model.task.parse_input("a")])
    except SeqkitError:
        return None
    return model.task.format_prediction(prediction)[1]


def _text(value: Any, location: SourceLocation) -> str:
    if value == []:
        return ""
    text = as_cell(value, location)
    if text is None:
        raise DataError("the input is bytes that are not text; decode them first", location)
    return as_text(text, location).strip()


def _is_frame(batch: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(batch, pandas.DataFrame)


def _of_frame(frame: Any, column: Any) -> Any:
    series = column.to_pandas()
    series.index = frame.index
    return series
