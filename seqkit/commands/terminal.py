"""What a person sees while something works: a live bar on a terminal, a plain line per event elsewhere."""

from __future__ import annotations

import shlex
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from rich.text import Text

from seqkit.commands.output import echo
from seqkit.errors import SeqkitError
from seqkit.runs.verdict import RUN
from seqkit.signs import as_signs
from seqkit.tables import TERMINAL_WIDTH, Table
from seqkit.training.trainer import Callback, Trainer

WIDTH = TERMINAL_WIDTH


class SteadyStream:
    """A stream for what is only shown: a reader that has gone, or signs that it cannot show, stop no work."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Writes what can be written."""
        encoding = self.stream.encoding or "utf-8"
        with suppress(OSError, ValueError):  # a terminal that was closed, a pipe without a reader
            self.stream.write(text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """See :meth:`write`."""
        with suppress(OSError, ValueError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class PipeConsole(Console):
    """A console whose reader may go (``… | head``): that is no failure of the program."""

    def on_broken_pipe(self) -> None:
        """Has the command end as one whose output nobody wants any more."""
        raise BrokenPipeError


def steady_console(stream: TextIO | None = None, **settings: Any) -> Console:
    """A console on standard error that stops no work."""
    return Console(file=cast("TextIO", SteadyStream(stream or sys.stderr)), **settings)


class Reporter(Callback):
    """Shows how a training goes, on standard error and in the run's ``log.txt``."""

    def __init__(self, log: Path | None = None, stream: TextIO | None = None) -> None:
        self.console = steady_console(stream, highlight=False, soft_wrap=True)
        self.log = log
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._began = time.monotonic()
        self._began_done = 0.0
        self._began_examples = 0

    def line(self, text: str) -> None:
        """A line of its own, above the bar if there is one."""
        text = as_signs(text)
        if self.log is not None:
            try:
                with self.log.open("a", encoding="utf-8") as stream:
                    stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
            except OSError as error:
                raise SeqkitError(
                    f"cannot write {self.log}: {error.strerror}; free some space, or check the folder"
                ) from error
        (self._bar.console if self._bar else self.console).print(Text(text))

    def prose(self, text: str) -> None:
        """A sentence, in lines of at most 80 columns; a path longer than that stays whole."""
        for line in wrapped(text).splitlines():
            self.line(line)

    def table(self, table: Table) -> None:
        """Rows above the bar; they are not in the log."""
        console = self._bar.console if self._bar else self.console
        console.print(_rich(table), width=WIDTH)

    def on_start(self, trainer: Trainer) -> None:
        """Shows the bar."""
        self._began, self._began_done = time.monotonic(), trainer.done
        self._began_examples = trainer.progress.examples
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=16), TextColumn("{task.fields[facts]}"))
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("starting", total=1.0, facts="")
            self._bar.start()

    def on_step(self, trainer: Trainer) -> None:
        """Moves the bar."""
        if self._bar is None:
            return
        progress = trainer.progress
        loss = progress.loss_sum / (progress.loss_count or 1)
        last = f"  {trainer.metric} {progress.history[-1][trainer.metric]:.3f}" if progress.history else ""
        facts = f"loss {loss:.3f}{last}  {self._speed(trainer):,.0f}/s  {clock(self._left(trainer))} left"
        epoch = f"epoch {_epoch(progress.epoch + 1, trainer)}"
        self._bar.update(self._task, completed=trainer.done, description=epoch, facts=facts)

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Prints a line for the epoch; a star marks the best so far."""
        ended = trainer.progress.finished or trainer.done == 1
        # A run may be resumed where nothing was left of an epoch but its evaluation: no speed is known yet.
        measured = trainer.progress.examples > self._began_examples
        left = "" if ended or not measured else f"  {clock(self._left(trainer))} left"
        star = " *" if better else ""
        scores = "  ".join(f"{name} {record[name]:.3f}" for name in _shown_scores(trainer))
        valid, train = f"valid loss {record['loss']:.3f}  {scores}", f"loss {record['train_loss']:.3f}  "
        speed, end = f"  {self._speed(trainer):,.0f}/s" if measured else "", f"{left}{star}"
        digits = len(str(trainer.config.epochs))
        width = max(2, digits) + 1 + digits
        start = f"epoch {_epoch(record['epoch'], trainer):>{width}}  "
        # With a second score there is no room for everything.
        lines = (f"{start}{one}{valid}{other}{end}" for one, other in ((train, speed), ("", speed), ("", "")))
        self.line(next((line for line in lines if len(line) <= WIDTH), f"{start}{valid}{end}"))
        for table in trainer.samples:
            self.table(table)

    def on_stop(self, trainer: Trainer) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _left(self, trainer: Trainer) -> float:
        if trainer.done == 1:
            return max(0.0, 60 * trainer.config.minutes - trainer.progress.seconds)
        done = trainer.done - self._began_done
        return (time.monotonic() - self._began) / max(done, 1e-9) * (1 - trainer.done)

    def _speed(self, trainer: Trainer) -> float:
        return (trainer.progress.examples - self._began_examples) / max(time.monotonic() - self._began, 1e-9)


def _epoch(number: int, trainer: Trainer) -> str:
    """The number of an epoch, and of how many unless it is past them."""
    return f"{number}/{trainer.config.epochs}" if number <= trainer.config.epochs else f"{number}"


def wrapped(text: str) -> str:
    """A sentence in lines of at most 80 columns; a path longer than that stays whole."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _shown_scores(trainer: Trainer) -> list[str]:
    """The metric, and the score that chooses the model unless it is shown anyway."""
    selected = trainer.criterion.score
    return [trainer.metric] if selected in (trainer.metric, "loss") else [trainer.metric, selected]


def print_verdict(verdict: Mapping[str, Any] | None, path: Path) -> None:
    """How the run at a path compares with its baseline, what is wrong with it, and what to try."""
    if verdict is None:
        return
    echo()
    for sentence in (verdict["sentence"], *verdict["remarks"]):
        echo(wrapped(sentence))
    if verdict["suggestion"]:
        echo(f"Try: {verdict['suggestion'].replace(RUN, shlex.quote(str(path)))}")


def print_tables(tables: Sequence[Table], stream: TextIO | None = None) -> None:
    """Tables on standard output, within 80 columns."""
    console = PipeConsole(file=stream or sys.stdout, width=WIDTH, highlight=False)
    for table in tables:
        if not table.rows:
            continue
        console.print(Text(f"\n{as_signs(table.title)}", style="bold"))
        console.print(_rich(table))


def _rich(table: Table) -> RichTable:
    rich_table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(table.columns))
    for number, name in enumerate(table.columns):
        is_number = all(isinstance(row[number], (int, float)) for row in table.rows)
        last = number == len(table.columns) - 1
        rich_table.add_column(
            Text(as_signs(name)), justify="right" if is_number else "left", no_wrap=not last, overflow="ellipsis"
        )
    for row in table.rows:
        rich_table.add_row(*(Text(_cell(value)) for value in row))
    return rich_table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    text = f"{value:,}" if isinstance(value, int) else as_signs(value)
    # Two lines of a text are enough to recognise it.
    return text if len(text) <= 100 else text[:99] + "…"


def clock(seconds: float) -> str:
    """``3:07`` or ``1:02:30``."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@contextmanager
def progress_bar(path: Path, unit: str, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar for a file that is read, on standard error if that is a terminal; yields a function that takes the line."""
    console = steady_console()
    if hidden or not console.is_terminal:
        yield lambda line: None
        return
    columns = (TextColumn("{task.percentage:>3.0f} %"), BarColumn(bar_width=24), TextColumn("{task.fields[facts]}"))
    began, lines = time.monotonic(), _count_lines(path)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=max(1, lines), facts="")

        def advance(line: int) -> None:
            spent = time.monotonic() - began
            left = spent / max(1, line) * max(0, lines - line)
            bar.update(task, completed=line, facts=f"{line / max(spent, 1e-9):,.0f} {unit}/s  {clock(left)} left")

        yield advance


@contextmanager
def passing_time(what: str, shown: bool = True) -> Iterator[None]:
    """What goes on, and for how long, on standard error if that is a terminal; gone when it is over."""
    console = steady_console()
    if not (shown and console.is_terminal):
        yield
        return
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task(what, total=None)
        yield


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b"")) + 1
