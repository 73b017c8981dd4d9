"""What ``run`` and ``resume`` share: training under a bar, stopping on a signal, the tables at the end."""

from __future__ import annotations

import ctypes
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from seqkit.commands.run import config_values
from seqkit.commands.terminal import Reporter, print_tables
from seqkit.config import Option, TrainingConfig, make_config, options_of
from seqkit.files import write_json
from seqkit.kernels import ensure
from seqkit.report.findings import gather
from seqkit.report.html import write_report
from seqkit.runs import Outcome, Session, find_task, start
from seqkit.runs.directory import next_free
from seqkit.tables import Table
from seqkit.topologies import Generates
from seqkit.training import Stopped, Trainer

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names of glibc's settings."""


def task_command(name: str) -> click.Command:
    """The command of a task: an option for each field of its configuration, and those that every task has."""
    task = find_task(name)
    fields = field_options(task.config)
    common = [
        click.Option(["--out"], metavar="FOLDER", help="Where the run is kept. [runs/TASK-N]"),
        click.Option(["--config", "config_file"], metavar="FILE", help="A TOML file of options, as a run writes it."),
        click.Option(["--set", "settings"], metavar="NAME=VALUE", multiple=True, help="Any option by its name."),
    ]

    def callback(out: str | None, config_file: str | None, settings: tuple[str, ...], **flags: str | None) -> int:
        given = {key: value for key, value in flags.items() if value is not None}
        config = make_config(task.config, config_values(task, config_file, settings, given))
        folder = Path(out) if out else next_free(Path("runs"), task.name)
        build_kernels(config.kernel)
        began, notes = time.perf_counter(), list[str]()
        session = start(task, config, folder, notes)
        return drive(session, notes, began)

    summary = f"{task.topology[:1].upper()}{task.topology[1:]}: {task.summary}."
    for data, values in task.data_set_options.items():
        own = ", ".join(f"{key} {value}" for key, value in values.items())
        summary += f"\n\nWith --data {data}, unless told otherwise: {own}."
    return click.Command(name, params=[*common, *fields], callback=callback, help=summary)


def field_options(config: type[TrainingConfig]) -> list[click.Parameter]:
    """An option for each field of a configuration."""
    return [
        click.Option([entry.flag, key], metavar=entry.kind.__name__.upper(), help=_help(entry), default=None)
        for key, entry in options_of(config).items()
    ]


def drive(session: Session, notes: list[str], began: float) -> int:
    """Trains, scores and shows; returns the exit code."""
    give_memory_back()
    reporter = Reporter(session.run.log)
    for note in notes:
        reporter.prose(f"note: {note}")
    for line in _opening(session):
        reporter.line(line)
    with stop_on_signal(session.trainer) as received:
        try:
            session.train([reporter])
        except Stopped:
            reporter.line(
                f"stopped after step {session.trainer.progress.step}; go on with: seqkit resume {session.run.path}"
            )
            return 128 + received[0]
    if not session.trainer.progress.history:
        return 0
    reporter.line("scoring the best model and the baseline on the test part")
    try:
        outcome = session.finish()
    except KeyboardInterrupt:
        reporter.line(f"stopped while scoring; go on with: seqkit resume {session.run.path}")
        return 130
    show_outcome(outcome, session, time.perf_counter() - began)
    _report(session, outcome, notes, reporter)
    return 0


def _report(session: Session, outcome: Outcome, notes: list[str], reporter: Reporter) -> None:
    run = session.run
    try:
        parts = (session.task, session.config, session.codec, session.head, session.splits)
        write_json(run.findings, gather(*parts, outcome, notes))
        write_report(run.path)
    except Exception as error:
        # The run is finished and whole: nothing that fails here may make it look otherwise.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        reporter.prose(f"the report could not be made ({reason}); try: seqkit report {run.path}")
    else:
        click.echo(f"Its report: {run.report}")


def give_memory_back() -> None:
    """Batches of many sizes leave holes in glibc's heap: large blocks go back to the system when they are freed."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, 4 << 20)
        library.mallopt(_TRIM_THRESHOLD, 16 << 20)


def build_kernels(kernel: str) -> None:
    """Training is worth a build; a failing one costs a line."""
    if kernel in ("auto", "native"):
        ensure(lambda line: click.echo(line, err=True))


def show_outcome(outcome: Outcome, session: Session, seconds: float) -> None:
    """The tables at the end of a run."""
    results = outcome.results
    rows = [
        [name.replace("_", "-"), value, results["baseline"].get(name, "")] for name, value in results["test"].items()
    ]
    print_tables([Table(f"{results['task']}: test part", ["", "model", "baseline"], rows), *outcome.tables])
    click.echo(
        f"\n{results['parameters']:,} parameters; best of {results['epochs']} epochs: {results['best_epoch']}; "
        f"{seconds:.0f} s in all; {results['peak_memory_mb']:,.0f} MB"
    )
    if tuned := results.get("threshold"):
        click.echo(
            f"{tuned['label']} is predicted from a probability of {tuned['value']:.3f}, tuned on validation: "
            f"{tuned['score'].replace('_', '-')} {tuned['tuned']:.3f}, with 0.5 {tuned['at_half']:.3f}"
        )
    click.echo(f"The run is in {session.run.path}; try:")
    click.echo(f'  seqkit predict {session.run.path} "…"')
    if isinstance(session.task, Generates):
        click.echo(f'  seqkit generate {session.run.path} --prompt "…"')


@contextmanager
def stop_on_signal(trainer: Trainer) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM let the step finish; a second Ctrl-C does not wait. Yields the signals received."""
    received: list[int] = []
    asked = 0.0

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        # make and timeout pass one signal on twice; only a person asks again after a second.
        if received and time.monotonic() - asked > 1:
            raise KeyboardInterrupt
        asked = time.monotonic()
        received.append(number)
        trainer.stopping = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _opening(session: Session) -> list[str]:
    """Two lines: the folder's name may be long, the sizes of its parts too."""
    parts = session.splits
    (train, unit), (valid, _), (test, _) = map(session.task.size, (parts.train, parts.valid, parts.test))
    sizes = f"{train:,} {unit} to train, {valid:,} to validate, {test:,} to test"
    return [f"{session.task.name} in {session.run.path}", sizes]


def _help(entry: Option) -> str:
    text = entry.help[:1].upper() + entry.help[1:] + "."
    if entry.default is None or entry.default == {}:
        return text
    shown = str(entry.default).lower() if entry.kind is bool else str(entry.default)
    return f"{text} [{shown}]"
