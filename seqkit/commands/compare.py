"""``seqkit compare TASK``: several cells and seeds on one task, side by side."""

from __future__ import annotations

import dataclasses
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from seqkit.commands.run import TaskGroup, config_values
from seqkit.errors import SeqkitError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from seqkit.config import TrainingConfig
    from seqkit.topologies import AnyTask


class CompareGroup(TaskGroup):
    """One command for each task, with the options that its runs have."""

    def command_of(self, name: str) -> click.Command:
        """The command of a task that exists."""
        return _task_command(name)


@click.group(cls=CompareGroup, subcommand_metavar="TASK [OPTIONS]")
def command() -> None:
    """Train each of several cells with several seeds, and compare their scores.

    Every run lies in the folder, named by its cell and seed. A comparison that was stopped goes on when it is started
    again with the same options and --out; more cells or seeds may be asked for, then.
    """


class Planned(NamedTuple):
    """A run of a comparison: its cell, its folder and all its options."""

    cell: str
    folder: Path
    config: TrainingConfig


def _task_command(name: str) -> click.Command:
    from seqkit.commands.training import field_options
    from seqkit.runs import find_task

    task = find_task(name)
    own = [
        click.Option(["--cells"], required=True, metavar="NAMES", help="Recurrent cells, with commas between."),
        click.Option(["--seeds"], type=click.IntRange(1, 1000), default=3, help="Runs of each cell. [3]"),
        click.Option(["--out"], metavar="FOLDER", help="Where the runs are kept. [runs/compare-TASK-N]"),
        click.Option(["--config", "config_file"], metavar="FILE", help="A TOML file of options, as a run writes it."),
        click.Option(["--set", "settings"], metavar="NAME=VALUE", multiple=True, help="Any option by its name."),
    ]
    fields = [each for each in field_options(task.config) if each.name != "cell"]

    def callback(
        cells: str,
        seeds: int,
        out: str | None,
        config_file: str | None,
        settings: tuple[str, ...],
        **flags: str | None,
    ) -> int:
        from seqkit.runs.directory import next_free

        given = {key: value for key, value in flags.items() if value is not None}
        values = config_values(task, config_file, settings, given)
        folder = Path(out) if out else next_free(Path("runs"), f"compare-{task.name}")
        plan = _plan(task, values, [cell.strip() for cell in cells.split(",") if cell.strip()], seeds, folder)
        return _carry_out(task, plan, folder)

    return click.Command(name, params=[*own, *fields], callback=callback, help=f"Compare cells on: {task.summary}.")


def _plan(task: AnyTask, values: dict[str, Any], cells: Sequence[str], seeds: int, folder: Path) -> list[Planned]:
    """All runs, seed by seed; raises :class:`UsageError` for what cannot be, before any of them begins."""
    from seqkit.cells import make_cell
    from seqkit.config import make_config, options_of
    from seqkit.runs.session import absolute_paths

    options = options_of(task.config)
    if "cell" not in options:
        raise UsageError(f"{task.name} has no recurrent cell to compare; compare another task")
    if not cells:
        raise UsageError("--cells names no cell; give some, such as --cells rnn,lstm,gru")
    if len(set(cells)) < len(cells):
        raise UsageError("--cells must name each cell once")
    first = make_config(task.config, values).seed
    plan = []
    for seed, cell in ((seed, cell) for seed in range(first, first + seeds) for cell in cells):
        config = absolute_paths(task, make_config(task.config, {**values, "cell": cell, "seed": seed}))
        make_cell(cell, **getattr(config, "cell_options", {}))
        planned = Planned(cell, folder / f"{cell}-{seed}", config)
        _check_same(task, planned)
        plan.append(planned)
    return plan


def _check_same(task: AnyTask, planned: Planned) -> None:
    """Raises :class:`UsageError` where the folder has a run with other options."""
    from seqkit.config import make_config, read_toml
    from seqkit.runs import RunDirectory

    if not (planned.folder / "run.json").exists():
        return
    run, _ = RunDirectory.open(planned.folder)
    kept = read_toml(run.config)
    if kept.pop("task", None) != task.name:
        raise UsageError(f"{planned.folder} is a run of another task; choose another folder with --out")
    before = dataclasses.asdict(make_config(task.config, kept, str(run.config)))
    for name, value in dataclasses.asdict(planned.config).items():
        if value != before[name]:
            raise UsageError(
                f"{planned.folder} was made with {name} {before[name]}, not {value}; give the options that it began "
                "with, or another folder with --out"
            )


def _carry_out(task: AnyTask, plan: Sequence[Planned], folder: Path) -> int:
    with _signals() as received:
        for number, planned in enumerate(plan, 1):
            click.echo(f"{planned.folder}: run {number} of {len(plan)}", err=True)
            if not _finish(task, planned, received):
                cells, seeds = list(dict.fromkeys(each.cell for each in plan)), len({p.config.seed for p in plan})
                again = ["seqkit", "compare", task.name, "--cells", ",".join(cells), "--seeds", str(seeds)]
                click.echo(f"stopped; go on with the same options: {shlex.join(again)} --out {folder} …", err=True)
                return 128 + received[0]
    _tell(plan, folder)
    return 0


def _finish(task: AnyTask, planned: Planned, received: list[int]) -> bool:
    """Brings a run to its end, from wherever it stands; False if a signal stopped it."""
    from seqkit.config import arguments_of
    from seqkit.report.html import write_report
    from seqkit.runs import RunDirectory

    run = RunDirectory(planned.folder)
    if received:
        return False
    if not run.results.exists():
        words = ["run", task.name, *arguments_of(planned.config), "--out", str(planned.folder)]
        if run.manifest.exists():
            words = ["resume", str(planned.folder)]
        code = _process(words, received)
        if received:
            return False
        if code:
            raise SeqkitError(f"{planned.folder} failed, as told above; mend that, and start the comparison again")
    if not run.findings.exists():
        write_report(planned.folder)
    return True


def _process(words: Sequence[str], received: list[int]) -> int:
    """A command of its own process, so that its peak of memory is its own; signals are passed on to it."""
    with subprocess.Popen([sys.executable, "-m", "seqkit", *words], stdout=subprocess.DEVNULL) as process:
        passed = 0
        while True:
            try:
                return process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                for number in received[passed:]:
                    process.send_signal(number)
                passed = len(received)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Yields the signals received, which end nothing by themselves."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(plan: Sequence[Planned], folder: Path) -> None:
    from seqkit.commands.terminal import print_tables
    from seqkit.files import write_atomic, write_json
    from seqkit.report.comparison import Finished, compared, plot, read_finished, tables
    from seqkit.runs import RunDirectory

    runs: dict[str, list[Finished]] = {}
    for planned in plan:
        runs.setdefault(planned.cell, []).append(read_finished(RunDirectory(planned.folder)))
    facts = compared(runs)
    write_json(folder / "compare.json", facts)
    print_tables(tables(facts))
    written = ["compare.json"]
    if find_spec("matplotlib"):
        for name, content in plot(facts).items():
            write_atomic(folder / name, content)
            written.append(name)
    click.echo(f"\nIn {folder}: {', '.join(written)}")
