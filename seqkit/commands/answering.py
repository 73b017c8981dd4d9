"""How ``predict`` answers: rows from arguments, a file or standard input, and the same rows with predictions."""

from __future__ import annotations

import gc
import hashlib
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any, TextIO

import torch

from seqkit.commands.answer_files import Answers, open_answers
from seqkit.commands.output import echo
from seqkit.commands.shards import Shard, facts_of, is_complete, write_note
from seqkit.commands.terminal import progress_bar
from seqkit.data import SourceLocation
from seqkit.data.readers import PLAIN, FileForm, Row, choose_text_columns, is_blank
from seqkit.errors import SeqkitError, UsageError
from seqkit.machine import check_room_for_thread, launched
from seqkit.runs import Model
from seqkit.runs.answers import AnsweredRow, predict_rows
from seqkit.runs.parquet_writer import ENDINGS, ParquetWriter
from seqkit.runs.passages import answer_passages
from seqkit.runs.rows import InputRow, is_table, is_whole, read_rows, windows
from seqkit.runs.shared_answers import predict_rows_together
from seqkit.runs.writers import JsonRowWriter, JsonWriter, Writer, writer_for
from seqkit.topologies import AnswersFiles, NamesFiles, Passage
from seqkit.training.distributed import Processes, alone
from seqkit.version import __version__

_TOGETHER = 1024
"""Lines of a stream that are answered together, at most: enough for full batches, and the default model of sentiment
answers them in a sixth of a second (docs/predict.md)."""


@dataclass(frozen=True)
class PredictRequest:
    """What is to be predicted (texts, a file, or a stream if neither), and where the answers go."""

    texts: Sequence[str]
    path: Path | None
    """The file; of a stream its name, whose ending tells the format"""
    column: str | None
    output: Path | None
    as_json: bool
    streamed: bool = False
    form: FileForm = PLAIN
    """How the file is written"""
    model: str = ""
    """A digest of what answers"""
    shard: Shard | None = None
    """The part of the file that is answered; None: all of it"""
    processes: Processes = field(default_factory=alone)
    """Who answers together"""

    @property
    def in_parquet(self) -> bool:
        """Whether the answers are a file of Parquet."""
        return self.output is not None and self.output.suffix.lower() in ENDINGS

    def check(self) -> None:
        """Raises :class:`UsageError` for what does not go together."""
        if self.column is not None and (self.path is None or not is_table(self.path)):
            raise UsageError(
                "--text-column is of a table; give one with --input FILE.csv (or .tsv, .jsonl, .json), or --format csv"
            )
        if self.output and self.path and not self.streamed and self.output.exists() and self.output.samefile(self.path):
            raise UsageError("--output must be another file than --input, which is still read while it is written")
        if self.in_parquet and self.as_json:
            raise UsageError("--json writes lines, and --output is Parquet; leave out --json, or name it .jsonl")
        if launched() and (not self.path or self.streamed or not self.path.is_file()):
            raise UsageError(
                "under torchrun, processes share the rows of a file; give one with --input FILE, or leave out torchrun"
            )
        if self.shard and (not self.path or self.streamed or not self.path.is_file() or not self.output):
            raise UsageError("--shard answers a part of a file into a file; give --input FILE and --output FILE")


def answer(model: Model, request: PredictRequest, options: dict[str, Any]) -> None:
    """Writes the answers; ``options`` are those of ``Head.predict``."""
    # What has been loaded stays: the collector need not go through it after every few thousand rows.
    gc.freeze()
    notes: list[str] = []
    passages = _own_passages(model, request, notes)
    if passages is not None:
        _check_rows(request)
        _answer_passages(model, request, options, passages, notes)
        return
    if request.form != PLAIN and request.texts and not isinstance(model.task, NamesFiles):
        raise UsageError("--encoding and --columns say how a file is written; give one with --input FILE")
    request = _with_columns(model, request)
    part = _part(request, options)
    if part and request.output and is_complete(request.output, part):
        _print_note(f"{request.output} is shard {request.shard} already, and complete")
        return
    depends = None if request.in_parquet else _depends_on(request, options)
    with open_answers(request.output, depends and {**depends, **(part or {})}) as answers:
        _answer_rows(model, request, _row_groups(model, request, answers), answers, options)
        if part and request.output:
            write_note(request.output, part)


def _check_rows(request: PredictRequest) -> None:
    """Raises :class:`UsageError` for what only a file of rows has."""
    together = request.processes.size > 1
    if request.shard or request.in_parquet or together:
        what = "--shard" if request.shard else "torchrun" if together else "an output in Parquet"
        raise UsageError(f"{what} is for tables and lines; {request.path} is a file in a format of the task's own")


def _part(request: PredictRequest, options: dict[str, Any]) -> dict[str, str] | None:
    """What the part of the request is a part of; None for no part."""
    if request.shard is None or request.path is None:
        return None
    facts = [request.model, torch.__version__, __version__, options, _written(request), _digest_of(request.path)]
    return facts_of(request.shard, facts)


def _written(request: PredictRequest) -> list[Any]:
    return [request.path and request.path.suffix, request.column, request.as_json, request.form]


def _depends_on(request: PredictRequest, options: dict[str, Any]) -> dict[str, Any] | None:
    """What the answers depend on, but for the inputs; None for inputs that come once."""
    if request.path is None or request.streamed or not request.path.is_file():
        return None
    facts = [request.model, torch.__version__, torch.get_num_threads(), __version__, options]
    return {"digest": hashlib.blake2b(repr((facts, _written(request))).encode(), digest_size=16).hexdigest()}


def _answer_passages(
    model: Model, request: PredictRequest, options: dict[str, Any], passages: Iterator[Passage], notes: list[str]
) -> None:
    # Standard input comes once; a file is read again where it has been gone through for what is answered already.
    unread = [passages]
    depends = _depends_on(request, options)
    if depends is not None and request.path is not None:
        # Columns that are copied to the answers are in no passage's input.
        depends["file"] = _digest_of(request.path)
    with open_answers(request.output, depends) as answers:

        def written(group: Sequence[Passage]) -> None:
            answers.keep(map(_passage_key, group), {})

        def read() -> Iterable[Passage]:
            return unread.pop() if unread else _own_passages(model, request, notes) or ()

        left = answers.remaining(read, _passage_key)
        answer_passages(model, left, answers.stream, request.as_json, written, **options)
    for note in dict.fromkeys(notes):
        _print_note(note)


def _digest_of(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        for block in iter(partial(file.read, 1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _passage_key(passage: Passage) -> object:
    return passage.input


def _row_key(row: InputRow) -> object:
    cells = row.values.cells if isinstance(row.values, Row) else [*(row.values or {}).items()]
    return row.text, cells


def _answer_rows(
    model: Model, request: PredictRequest, groups: Iterable[list[InputRow]], answers: Answers, options: dict[str, Any]
) -> None:
    is_file = request.path is not None and not request.streamed
    writer = _writer(model, request, answers.stream)
    writer.restore(answers.writer)
    if request.shard:
        _expect_first(model, request, writer, options)
    try:
        named = request.form if request.texts else PLAIN
        for answered in _predicted(model, request, groups, is_file, named, options):
            writer.write(answered)
            rows = [row for row, _ in answered]
            if is_whole(rows):
                answers.keep(map(_row_key, rows), writer.state())
    except SeqkitError:
        # What has been answered before the error is whole.
        writer.finish()
        raise
    writer.finish()


def _predicted(
    model: Model,
    request: PredictRequest,
    groups: Iterable[list[InputRow]],
    is_file: bool,
    named: FileForm,
    options: dict[str, Any],
) -> Iterator[list[AnsweredRow]]:
    if request.processes.size > 1:
        return predict_rows_together(request.processes, model, groups, _print_note, **options)
    return predict_rows(model, groups, _print_note, is_file, named, **options)


def _expect_first(model: Model, request: PredictRequest, writer: Writer, options: dict[str, Any]) -> None:
    """Has a part the columns of the whole: those of the first row that has an answer."""
    first: InputRow | None = None
    for row in _reader(model, request)():
        first = first or row
        if not is_blank(row.text):
            ((answered,),) = predict_rows(model, [[row]], lambda note: None, **options)
            writer.expect(AnsweredRow(first, answered.prediction))
            return
    if first is not None:
        writer.expect(AnsweredRow(first, None))


def _with_columns(model: Model, request: PredictRequest) -> PredictRequest:
    """The request with names for the columns of a table in which the task sees none."""
    path = request.path
    if path is None or request.streamed or request.column or request.form.columns:
        return request
    names = model.task.unnamed_columns(model.config, path, request.form)
    # Lines of one text are what any other file has.
    if not names or (len(names) == 1 and not is_table(path)):
        return request
    _print_note(f"{path} names no columns: its first line is an input, too; --text-column names a column")
    return replace(request, form=request.form._replace(columns=names))


def _own_passages(model: Model, request: PredictRequest, notes: list[str]) -> Iterator[Passage] | None:
    """The pieces of a file in a format of the task's own."""
    if request.path is None or request.column or not isinstance(model.task, AnswersFiles):
        return None
    if request.streamed:
        return _arrived_passages(model, model.task, request, notes)
    # In which encoding the training data were says nothing about this file.
    return model.task.passages(replace(model.config, encoding=request.form.encoding), request.path, notes)


def _arrived_passages(
    model: Model, task: AnswersFiles, request: PredictRequest, notes: list[str]
) -> Iterator[Passage] | None:
    """Those of standard input, which is read to its end; None where its beginning has texts."""
    stream, config = sys.stdin.buffer, replace(model.config, encoding=request.form.encoding)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, str(request.path))
        head = stream.peek() if isinstance(stream, BufferedReader) else b""
        copy.write_bytes(head[: head.rfind(b"\n") + 1] or head)
        if task.passages(config, copy, []) is None:
            return None
        with copy.open("wb") as file:
            shutil.copyfileobj(stream, file)
        found = task.passages(config, copy, notes)
        try:
            passages = None if found is None else list(found)
        except SeqkitError as error:
            # Nobody knows the copy.
            raise SeqkitError(str(error).replace(f"{folder}/", "")) from None
        notes[:] = [note.replace(f"{folder}/", "") for note in notes]
        return None if passages is None else iter(passages)


def _print_note(note: str) -> None:
    echo(f"note: {note}", err=True)


def _writer(model: Model, request: PredictRequest, file: TextIO) -> Writer:
    format_prediction = model.task.format_prediction
    if request.in_parquet:
        return ParquetWriter(format_prediction, file, None if request.streamed else request.path)
    if request.as_json:
        return (JsonRowWriter if request.path and is_table(request.path) else JsonWriter)(format_prediction, file)
    return writer_for(
        request.path, format_prediction, file, sys.stdin.buffer if request.streamed else None, request.form
    )


def _row_groups(model: Model, request: PredictRequest, answers: Answers) -> Iterable[list[InputRow]]:
    if request.texts:
        return [[InputRow(text) for text in request.texts]]
    read = _reader(model, request)
    if request.streamed or request.path is None:
        return arriving(read())
    if request.shard:
        read = request.shard.rows(read)
    return _shown_on_the_way(answers.remaining(read, _row_key), request.path, request)


def _reader(model: Model, request: PredictRequest) -> Callable[[], Iterable[InputRow]]:
    """Reads all rows of the file or of standard input."""
    path = request.path or Path("standard input")
    stream = sys.stdin.buffer if request.streamed or request.path is None else None

    def choose(columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        if request.column is not None:
            return choose_text_columns(columns, request.column, header)
        return model.task.input_columns(model.config, model.codec, columns, header)

    return lambda: read_rows(path, choose, stream, request.form, model.task.join_columns)


def _shown_on_the_way(rows: Iterable[InputRow], path: Path, request: PredictRequest) -> Iterator[list[InputRow]]:
    # Answers that appear on a terminal are progress enough.
    with progress_bar(path, "rows", request.output is None and sys.stdout.isatty()) as advance:
        for group in windows(rows):
            yield group
            advance(group[-1].location.line if group[-1].location else 0)


def arriving(rows: Iterable[InputRow]) -> Iterator[list[InputRow]]:
    """Rows as they come: one at a time from a person, many together from a pipe that is ahead of us."""
    # Bounded: who writes faster than we answer has to wait, instead of filling our memory.
    arrived: queue.Queue[InputRow | Exception | None] = queue.Queue(maxsize=4 * _TOGETHER)

    def read() -> None:
        try:
            for row in rows:
                arrived.put(row)
            arrived.put(None)
        except Exception as error:  # any, or the loop below would wait for ever
            arrived.put(error)

    check_room_for_thread()
    threading.Thread(target=read, daemon=True).start()
    while isinstance(end := arrived.get(), InputRow):
        group = [end]
        while len(group) < _TOGETHER and not arrived.empty() and isinstance(end := arrived.get(), InputRow):
            group.append(end)
        yield group
        if not isinstance(end, InputRow):
            break
    if end is not None:
        raise end
