"""How ``predict`` answers: rows from arguments, a file or standard input, and the same rows with predictions."""

from __future__ import annotations

import gc
import queue
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from seqkit.commands.terminal import progress_bar
from seqkit.data import SourceLocation
from seqkit.data.readers import choose_column
from seqkit.errors import UsageError
from seqkit.runs import Model
from seqkit.runs.rows import JsonRowWriter, JsonWriter, Row, Writer, answers, is_table, read_rows, windows, writer_for

_TOGETHER = 1024
"""Lines of a stream that are answered together, at most."""


@dataclass(frozen=True)
class PredictRequest:
    """What is to be answered: texts, a file, or a stream if neither; and where the answers go."""

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


def answer(model: Model, asked: PredictRequest, options: dict[str, Any]) -> None:
    """Writes the answers; ``options`` are those of ``Head.predict``."""
    # What has been loaded stays: the collector need not go through it after every few thousand rows.
    gc.freeze()
    groups = [[Row(text) for text in asked.texts]] if asked.texts else _groups(model, asked)
    with _written(asked.output) as file:
        writer = _writer(model, asked, file)
        for found in answers(model, groups, _note, asked.path is not None and not asked.streamed, **options):
            writer.write(found)


def _note(note: str) -> None:
    click.echo(f"note: {note}", err=True)


def _writer(model: Model, asked: PredictRequest, file: TextIO) -> Writer:
    if not asked.as_json:
        return writer_for(asked.path, model.task.format_prediction, file, sys.stdin.buffer if asked.streamed else None)
    return (JsonRowWriter if asked.path and is_table(asked.path) else JsonWriter)(model.task.format_prediction, file)


@contextmanager
def _written(output: Path | None) -> Iterator[TextIO]:
    """The file of the answers: those before an error stay in it."""
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}; name another file with --output") from None
    with file:
        yield file


def _groups(model: Model, asked: PredictRequest) -> Iterator[list[Row]]:
    path = asked.path or Path("standard input")

    def choose(columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        if asked.column is not None:
            return (choose_column(columns, asked.column, "text", header),)
        return model.task.input_columns(model.config, model.codec, columns, header)

    if asked.streamed or asked.path is None:
        yield from _arriving(read_rows(path, choose, sys.stdin.buffer))
        return
    # On a terminal the answers themselves show how it goes.
    with progress_bar(path, "rows", asked.output is None and sys.stdout.isatty()) as advance:
        for group in windows(read_rows(path, choose)):
            yield group
            advance(group[-1].location.line if group[-1].location else 0)


def _arriving(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows as they come: one alone from a person, many together from a pipe that is ahead of us."""
    arrived: queue.Queue[Row | Exception | None] = queue.Queue(maxsize=4 * _TOGETHER)

    def read() -> None:
        try:
            for row in rows:
                arrived.put(row)
            arrived.put(None)
        except Exception as error:  # any, or the loop below would wait for ever
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    while isinstance(end := arrived.get(), Row):
        group = [end]
        while len(group) < _TOGETHER and not arrived.empty() and isinstance(end := arrived.get(), Row):
            group.append(end)
        yield group
        if not isinstance(end, Row):
            break
    if end is not None:
        raise end
