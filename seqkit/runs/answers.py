"""Rows to predictions, in order: encoded ahead of the model, predicted in batches, with a note where one was cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any, NamedTuple, TypeVar

import torch

from seqkit.data import DataError
from seqkit.data.readers import PLAIN, FileForm, is_blank
from seqkit.errors import SeqkitError
from seqkit.machine import check_room_for_thread, cpu_quota
from seqkit.runs.model import Model
from seqkit.runs.rows import InputRow
from seqkit.topologies import NamesFiles, predict_items

_BATCHES = 4
"""Batches that are predicted at a time, at most: what Python does for them is done for one after the other."""

T = TypeVar("T")


class AnsweredRow(NamedTuple):
    """A row and the prediction for it; None for a row without anything in it."""

    row: InputRow
    prediction: Any


def predict_rows(
    model: Model,
    groups: Iterable[Sequence[InputRow]],
    say: Callable[[str], None],
    eager: bool = False,
    named_files: FileForm = PLAIN,
    **options: Any,
) -> Iterator[list[AnsweredRow]]:
    """The predictions for each group of rows, in order; batches by length inside.

    Args:
        model, options: as of :meth:`Model.predict`.
        groups: rows; a group that was read is predicted before the next one is waited for.
        say: is called once, with a sentence, if an input was cut.
        eager: encode and predict groups while those before are written: for a file, whose next group is there already.
        named_files: how the files are written that inputs name, where that is what inputs do.

    Raises :class:`DataError` with the location of an input that cannot be encoded, after the answers before it.
    """
    encoded = _encoded(model, groups, _CutNotice(model, say), named_files)
    if not eager:
        yield from (_answered(model, *group, **options) for group in encoded)
        return
    with _threads(model) as threads:
        stop = Event()
        each = {"after_batch": partial(_go_on, stop), "threads": threads, **options}
        yield from ahead((_answered(model, *group, **each) for group in ahead(encoded)), stop)


@contextmanager
def _threads(model: Model) -> Iterator[Executor | None]:
    """Threads for a batch each, which share the threads of torch; None where one batch at a time has all of them.

    Threads that divide a batch wait for each other, and where another one encodes, for that as well: two that read two
    batches and one that encodes keep two cores busy.
    """
    before, quota = torch.get_num_threads(), cpu_quota()
    count = min(_BATCHES, before if quota is None else max(1, min(before, int(quota))))
    if model.device.type != "cpu" or count == 1:
        yield None
        return
    check_room_for_thread()
    # For threads that begin after this.
    torch.set_num_threads(before // count)
    try:
        with ThreadPoolExecutor(count) as threads:
            yield threads
    finally:
        torch.set_num_threads(before)


def _go_on(stop: Event) -> None:
    """Ends the work on a group that nobody waits for any more."""
    if stop.is_set():
        raise CancelledError


def _answered(model: Model, rows: Sequence[InputRow], items: Sequence[Any], **options: Any) -> list[AnsweredRow]:
    present = [item for item in items if item is not None]
    predictions = iter(predict_items(model.head, model.codec, present, model.config, **options).predictions)
    return [
        AnsweredRow(row, item if item is None else next(predictions)) for row, item in zip(rows, items, strict=True)
    ]


def _encoded(
    model: Model, groups: Iterable[Sequence[InputRow]], notice: _CutNotice, named_files: FileForm
) -> Iterator[tuple[Sequence[InputRow], Sequence[Any]]]:
    """Rows with the items made of them, None of a blank one; those before one that cannot be encoded come first."""
    for group in groups:
        read, problem = _read(model, group, named_files)
        for row, (value, item) in zip(group, read, strict=False):
            if item is not None:
                notice.check(row, value, item)
        yield group[: len(read)], [item for _, item in read]
        if problem is not None:
            raise problem


def _read(
    model: Model, group: Sequence[InputRow], named_files: FileForm
) -> tuple[list[tuple[Any, Any]], SeqkitError | None]:
    """Inputs and their items, None of a blank row; up to one that cannot be encoded, and what is wrong with that."""
    blank = [is_blank(row.text) for row in group]
    try:
        values = [_parsed(model, row.text, named_files) for row, no in zip(group, blank, strict=True) if not no]
        found = zip(values, model.codec.encode_many(values), strict=True)
        return [(None, None) if no else next(found) for no in blank], None
    except SeqkitError as error:
        if len(group) == 1:
            where = group[0].location
            return [], error if where is None else DataError(str(error), where)
    # Which row it is: each is encoded alone.
    read = list[tuple[Any, Any]]()
    for row in group:
        own, problem = _read(model, [row], named_files)
        read += own
        if problem is not None:
            return read, problem
    return read, None


def _parsed(model: Model, text: str, named_files: FileForm) -> Any:
    task = model.task
    if named_files != PLAIN and isinstance(task, NamesFiles):
        return task.read_named_file(text, model.codec, named_files)
    return task.parse_input(text)


def ahead(source: Iterator[T], stop: Event | None = None) -> Iterator[T]:
    """The same values, each made by another thread while the one before it is used; none of them may be None.

    ``stop`` is set once no more are wanted.
    """
    check_room_for_thread()
    # A single thread, so that what is read next comes next.
    with ThreadPoolExecutor(1) as pool:
        try:
            coming = pool.submit(next, source, None)
            while (value := coming.result()) is not None:
                coming = pool.submit(next, source, None)
                yield value
        finally:
            if stop is not None:
                stop.set()


class _CutNotice:
    """Says, once, that an input was cut.

    Asking the codec about an input takes as long as encoding it again. An input that was cut has as many steps as any
    can have, so the codec is only asked about inputs that are at least as long as all before them.
    """

    def __init__(self, model: Model, say: Callable[[str], None]) -> None:
        self.model, self.say = model, say
        self.longest: int | None = 1
        """None once it was said"""

    def check(self, row: InputRow, value: Any, item: Any) -> None:
        """Looks at one input and the item made of it."""
        length = self.model.codec.length(item)
        if self.longest is None or length < self.longest:
            return
        self.longest = length
        report = self.model.codec.encoding_report(value)
        if report and report.cut:
            where = f"{row.location}: " if row.location else ""
            self.say(
                f"{where}the input has {report.symbols:,} tokens, of which the model reads the first "
                f"{report.symbols - report.cut:,}; this note is not repeated for other inputs"
            )
            self.longest = None
