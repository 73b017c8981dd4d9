"""How ``predict`` answers: rows from arguments, a file or standard input, and the same rows with predictions."""

from __future__ import annotations

import fcntl
import gc
import os
import queue
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from seqkit.commands.terminal import progress_bar
from seqkit.data import SourceLocation
from seqkit.data.readers import choose_text_columns
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import is_temporary, temporary_beside
from seqkit.runs import Model
from seqkit.runs.answers import predict_rows
from seqkit.runs.rows import InputRow, is_table, read_rows, windows
from seqkit.runs.writers import JsonRowWriter, JsonWriter, Writer, writer_for

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

    def check(self) -> None:
        """Raises :class:`UsageError` for what does not go together."""
        if self.column is not None and (self.path is None or not is_table(self.path)):
            raise UsageError(
                "--text-column is of a table; give one with --input FILE.csv (or .tsv, .jsonl), or with --format csv"
            )
        if self.output and self.path and not self.streamed and self.output.exists() and self.output.samefile(self.path):
            raise UsageError("--output must be another file than --input, which is still read while it is written")


def answer(model: Model, request: PredictRequest, options: dict[str, Any]) -> None:
    """Writes the answers; ``options`` are those of ``Head.predict``."""
    # What has been loaded stays: the collector need not go through it after every few thousand rows.
    gc.freeze()
    groups = [[InputRow(text) for text in request.texts]] if request.texts else _row_groups(model, request)
    is_file = request.path is not None and not request.streamed
    with _open_output(request.output) as file:
        writer = _writer(model, request, file)
        for answers in predict_rows(model, groups, _print_note, is_file, **options):
            writer.write(answers)


def _print_note(note: str) -> None:
    click.echo(f"note: {note}", err=True)


def _writer(model: Model, request: PredictRequest, file: TextIO) -> Writer:
    format_prediction = model.task.format_prediction
    if request.as_json:
        return (JsonRowWriter if request.path and is_table(request.path) else JsonWriter)(format_prediction, file)
    return writer_for(request.path, format_prediction, file, sys.stdin.buffer if request.streamed else None)


@contextmanager
def _open_output(output: Path | None) -> Iterator[TextIO]:
    """The file of the answers, which is there when all of them are, or standard output.

    What was answered before an error is kept beside it, as ``FILE.partial``.
    """
    if output is None:
        yield sys.stdout
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
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write {named or path}: {error.strerror}; name another file with --output") from None


def _row_groups(model: Model, request: PredictRequest) -> Iterator[list[InputRow]]:
    path = request.path or Path("standard input")

    def choose(columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        if request.column is not None:
            return choose_text_columns(columns, request.column, header)
        return model.task.input_columns(model.config, model.codec, columns, header)

    join = model.task.join_columns

    if request.streamed or request.path is None:
        yield from arriving(read_rows(path, choose, sys.stdin.buffer, join))
        return
    # Answers that appear on a terminal are progress enough.
    with progress_bar(path, "rows", request.output is None and sys.stdout.isatty()) as advance:
        for group in windows(read_rows(path, choose, join=join)):
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
