"""How ``predict`` answers: rows from arguments, a file or standard input, and the same rows with predictions."""

from __future__ import annotations

import bz2
import fcntl
import gc
import gzip
import lzma
import os
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Any, TextIO, cast

from seqkit.commands.output import data_stream, echo
from seqkit.commands.terminal import progress_bar
from seqkit.data import SourceLocation
from seqkit.data.readers import PLAIN, FileForm, choose_text_columns
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import is_temporary, temporary_beside
from seqkit.runs import Model
from seqkit.runs.answers import predict_rows
from seqkit.runs.passages import answer_passages
from seqkit.runs.rows import InputRow, is_table, read_rows, windows
from seqkit.runs.writers import JsonRowWriter, JsonWriter, Writer, writer_for
from seqkit.topologies import AnswersFiles, NamesFiles, Passage

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

    def check(self) -> None:
        """Raises :class:`UsageError` for what does not go together."""
        if self.column is not None and (self.path is None or not is_table(self.path)):
            raise UsageError(
                "--text-column is of a table; give one with --input FILE.csv (or .tsv, .jsonl, .json), or --format csv"
            )
        if self.output and self.path and not self.streamed and self.output.exists() and self.output.samefile(self.path):
            raise UsageError("--output must be another file than --input, which is still read while it is written")


def answer(model: Model, request: PredictRequest, options: dict[str, Any]) -> None:
    """Writes the answers; ``options`` are those of ``Head.predict``."""
    # What has been loaded stays: the collector need not go through it after every few thousand rows.
    gc.freeze()
    notes: list[str] = []
    if (passages := _own_passages(model, request, notes)) is not None:
        with _open_output(request.output) as file:
            answer_passages(model, passages, file, request.as_json, **options)
        for note in notes:
            _print_note(note)
        return
    if request.form != PLAIN and request.texts and not isinstance(model.task, NamesFiles):
        raise UsageError("--encoding and --columns say how a file is written; give one with --input FILE")
    request = _with_columns(model, request)
    groups = [[InputRow(text) for text in request.texts]] if request.texts else _row_groups(model, request)
    is_file = request.path is not None and not request.streamed
    with _open_output(request.output) as file:
        writer = _writer(model, request, file)
        try:
            named = request.form if request.texts else PLAIN
            for answers in predict_rows(model, groups, _print_note, is_file, named, **options):
                writer.write(answers)
        except SeqkitError:
            # What has been answered before the error is whole.
            writer.finish()
            raise
        writer.finish()


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
    if request.as_json:
        return (JsonRowWriter if request.path and is_table(request.path) else JsonWriter)(format_prediction, file)
    return writer_for(
        request.path, format_prediction, file, sys.stdin.buffer if request.streamed else None, request.form
    )


@contextmanager
def _open_output(output: Path | None) -> Iterator[TextIO]:
    """The file of the answers, which is there when all of them are, or standard output.

    What was answered before an error is kept beside it, as ``FILE.partial``.
    """
    if output is None:
        yield data_stream()
    elif output.exists() and not output.is_file():
        # A pipe or a device cannot be replaced.
        with _opened(output) as file:
            yield file
    else:
        # A link stays one.
        with _written_beside(output.resolve()) as file:
            yield file


@contextmanager
def _written_beside(output: Path) -> Iterator[TextIO]:
    """A file that takes the name of the output at the end, unless nobody needs it any more."""
    partial = output.with_name(f"{output.name}.partial")
    _remove_drafts(output)
    draft = temporary_beside(output)
    try:
        with _opened(draft, output) as file:
            # Shows others that somebody still writes, and goes with the process.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
        if output.exists():
            shutil.copymode(output, draft)
        draft.replace(output)
    except BaseException as error:
        if draft.exists() and draft.stat().st_size:
            draft.replace(partial)
            _print_note(f"the answers so far are in {partial}; {output} is as it was")
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise SeqkitError(f"cannot write {output}: {error.strerror}; make room, or name another file") from None
        raise
    finally:
        draft.unlink(missing_ok=True)


def _remove_drafts(output: Path) -> None:
    """Removes what killed processes have left that wrote to the same file."""
    folder = output.parent
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(f".{output.name}.") and is_temporary(path):
            with path.open("rb") as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _opened(path: Path, named: Path | None = None) -> TextIO:
    try:
        return _opener(path, named or path)
    except OSError as error:
        raise UsageError(f"cannot write {named or path}: {error.strerror}; name another file with --output") from None


def _opener(path: Path, output: Path) -> TextIO:
    """A file for writing, compressed if the name of the output says so."""
    ending = output.suffix.lower()
    if ending in (".zip", ".zst"):
        raise UsageError(f"{output} cannot be written compressed; name it without {ending}, or with .gz")
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return cast(TextIO, openers.get(ending, open)(path, "wt", encoding="utf-8", newline=""))


def _row_groups(model: Model, request: PredictRequest) -> Iterator[list[InputRow]]:
    path = request.path or Path("standard input")

    def choose(columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        if request.column is not None:
            return choose_text_columns(columns, request.column, header)
        return model.task.input_columns(model.config, model.codec, columns, header)

    join = model.task.join_columns

    if request.streamed or request.path is None:
        yield from arriving(read_rows(path, choose, sys.stdin.buffer, request.form, join))
        return
    # Answers that appear on a terminal are progress enough.
    with progress_bar(path, "rows", request.output is None and sys.stdout.isatty()) as advance:
        for group in windows(read_rows(path, choose, form=request.form, join=join)):
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
