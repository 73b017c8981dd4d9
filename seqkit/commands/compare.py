"""``seqkit compare TASK``: train several cells and seeds on one task, side by side."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from seqkit.commands.completion import complete_runs
from seqkit.commands.output import echo
from seqkit.commands.signals import STOP_AT_END, noted_signals
from seqkit.commands.task_options import TaskCommand, TaskGroup, config_options, config_values
from seqkit.errors import SeqkitError, UsageError

if TYPE_CHECKING:
    from seqkit.config import TrainingConfig
    from seqkit.topologies import AnyTask


_STOPPING = 30.0
"""Seconds in which a run stops whose comparison was killed"""


def _complete_cells(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The last name of a list with commas, beside those that are there."""
    from seqkit.cells import available_cells

    before, comma, begun = incomplete.rpartition(",")
    listed = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in available_cells()
        if name.startswith(begun) and name not in listed
    ]


class PlannedRun(NamedTuple):
    """A run of a comparison: its cell, its folder and all its options."""

    cell: str
    folder: Path
    config: TrainingConfig


def _task_command(task: AnyTask) -> click.Command:
    own = [
        click.Option(
            ["--cells"],
            required=True,
            metavar="NAMES",
            help="Recurrent cells, or FILE.py:CLASS, separated by commas.",
            shell_complete=_complete_cells,
        ),
        click.Option(["--seeds"], metavar="N", type=click.IntRange(1, 1000), default=3, help="Runs of each cell. [3]"),
        click.Option(["--out"], metavar="FOLDER", help="Folder of the runs. [runs/compare-TASK-N]"),
    ]
    options = [option for option in config_options(task) if option.name != "cell"]

    def compare(
        cells: str,
        seeds: int,
        out: str | None,
        config_file: str | None,
        settings: tuple[str, ...],
        **flags: str | None,
    ) -> int:
        from seqkit.runs.places import next_free

        values = config_values(task, config_file, settings, flags)
        folder = Path(out) if out else next_free(Path("runs"), f"compare-{task.name}")
        names = [name.strip() for name in cells.split(",") if name.strip()]
        return _carry_out(task, _plan(task, values, names, seeds, folder), folder)

    return TaskCommand(task.name, params=[*own, *options], callback=compare, help=f"Compare cells on: {task.summary}.")


class _TaskOrRuns(TaskGroup):
    """Commands with a task; the folder of a run, in the place of a task, begins a list of finished runs."""

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of the tasks, and the folders of runs."""
        runs = complete_runs(context, click.Argument(["run"]), incomplete)
        return [*super().shell_complete(context, incomplete), *(run for run in runs if run.type == "plain")]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that task, or the one that takes this run and others.

        Raises :class:`UsageError` for a folder that is neither.
        """
        is_task, is_run = name in self.list_commands(context), (Path(name) / "run.json").is_file()
        if not (is_task or is_run) and (Path(name).is_dir() or len(Path(name).parts) > 1):
            raise UsageError(f"{name} is neither a task nor a run; seqkit runs lists the runs")
        if is_task or not is_run:
            return super().get_command(context, name)
        return click.Command(
            name,
            params=[
                click.Argument(["others"], nargs=-1, metavar="RUN ...", shell_complete=complete_runs),
                click.Option(["--page"], metavar="FILE", help="Also write the comparison as a page."),
            ],
            callback=lambda others, page: _show_runs([name, *others], page),
            help="Compare finished runs of one task.",
        )


@click.group(cls=_TaskOrRuns, task_command=_task_command, subcommand_metavar="TASK [OPTIONS] | RUN RUN ...")
def command() -> None:
    """Train each of several cells with several seeds, and compare their scores; or compare runs that are finished.

    Each run is a folder within --out, named by its cell and seed. An interrupted comparison resumes when it is run
    again with the same options and --out; cells and seeds may be added then.
    """


def _plan(task: AnyTask, values: dict[str, Any], cells: Sequence[str], seeds: int, folder: Path) -> list[PlannedRun]:
    """All runs, seed by seed; raises :class:`UsageError` for what cannot be, before any of them begins."""
    from seqkit.cells import cell_label, make_cell, named_cell
    from seqkit.config import make_config, options_of
    from seqkit.runs.same_options import check_same_options
    from seqkit.runs.session import absolute_paths

    if "cell" not in options_of(task.config):
        raise UsageError(f"{task.name} has no recurrent cell to compare; compare another task")
    if not cells:
        raise UsageError("--cells names no cell; give some, such as --cells rnn,lstm,gru")
    labels = [cell_label(cell) for cell in cells]
    if len(set(labels)) < len(cells):
        raise UsageError("--cells must name each cell once")
    kinds = [named_cell(cell) for cell in cells]
    first = make_config(task.config, values).seed
    plan = []
    for seed, (label, cell) in product(range(first, first + seeds), zip(labels, kinds, strict=True)):
        config = absolute_paths(task, make_config(task.config, {**values, "cell": cell, "seed": seed}))
        make_cell(cell, **getattr(config, "cell_options", {}))
        planned = PlannedRun(label, folder / f"{label}-{seed}", config)
        check_same_options(task, config, planned.folder)
        plan.append(planned)
    return plan


def _carry_out(task: AnyTask, plan: Sequence[PlannedRun], folder: Path) -> int:
    from seqkit.commands.terminal import Reporter
    from seqkit.files import remove_temporary_files
    from seqkit.runs.lock import FolderLock

    folder.mkdir(parents=True, exist_ok=True)
    say = Reporter().line
    with FolderLock(folder), noted_signals() as received:
        remove_temporary_files(folder)
        for number, planned in enumerate(plan, 1):
            say(f"{planned.folder}: run {number} of {len(plan)}")
            _wait_for_stopping(planned.folder, say, received)
            if not _finish(task, planned, received):
                cells = ",".join(dict.fromkeys(str(each.config.cell) for each in plan))  # type: ignore[attr-defined]
                seeds = len({each.config.seed for each in plan})
                again = ["seqkit", "compare", task.name, "--cells", cells, "--seeds", str(seeds)]
                say(f"stopped; resume with the same options: {shlex.join(again)} --out {folder} …")
                return 128 + received[0]
        facts, written = _compare(plan, folder)
    _print(facts)
    echo(f"\nIn {folder}: {', '.join(written)}")
    return 0


def _print(facts: Mapping[str, Any]) -> None:
    from seqkit.commands.terminal import print_tables, wrapped
    from seqkit.report.comparison import apart, tables

    print_tables(tables(facts))
    if sentence := apart(facts):
        echo(wrapped(sentence))


def _show_runs(paths: Sequence[str], page: str | None) -> int:
    from seqkit.files import write_atomic
    from seqkit.report.comparison import compare_runs
    from seqkit.report.comparison_page import comparison_page

    if len(paths) < 2:
        raise UsageError(f"to compare takes two runs or more; name another beside {paths[0]}")
    if page and not Path(page).absolute().parent.is_dir():
        raise UsageError(f"cannot write {page}: there is no such folder; choose another file with --page")
    facts = compare_runs([Path(path) for path in paths])
    _print(facts)
    if page:
        write_atomic(Path(page), comparison_page(facts).encode())
        echo(f"\nAs a page: {page}")
    return 0


def _finish(task: AnyTask, planned: PlannedRun, received: list[int]) -> bool:
    """Brings a run to its end, from wherever it is; False if a signal stopped it."""
    from seqkit.config import arguments_of
    from seqkit.report.page import write_report
    from seqkit.runs import RunDirectory

    run = RunDirectory(planned.folder)
    if received:
        return False
    if not run.results.exists():
        words = ["run", task.name, *arguments_of(planned.config), "--out", str(planned.folder)]
        if run.manifest.exists():
            words = ["resume", str(planned.folder), *_cell_words(planned.config)]
        code = _run_process(words, received)
        if received:
            return False
        if code:
            raise SeqkitError(f"{planned.folder} failed, as said above; fix that, and run the comparison again")
    if not (run.findings.exists() and run.report.exists()):
        write_report(planned.folder, getattr(planned.config, "cell", None))
    return True


def _wait_for_stopping(folder: Path, say: Callable[[str], None], received: list[int]) -> None:
    """Waits for the run of a comparison that was killed, which stops by itself, and first writes a checkpoint."""
    from seqkit.runs.lock import is_held

    ends = time.monotonic() + _STOPPING
    if is_held(folder):
        say(f"{folder}: waiting for the process that is at work there")
    while is_held(folder) and not received and time.monotonic() < ends:
        time.sleep(0.1)


def _cell_words(config: TrainingConfig) -> list[str]:
    """The words that name a user's own cell to a command that opens a run."""
    from seqkit.cells import is_own

    cell = getattr(config, "cell", "")
    return ["--cell-file", cell] if is_own(cell) else []


def _run_process(words: Sequence[str], received: list[int]) -> int:
    """Runs a command in a process of its own, so that its peak of memory is its own; passes signals on to it."""
    command, environment = [sys.executable, "-m", "seqkit", *words], {**os.environ, STOP_AT_END: "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment) as process:
        passed_on = 0
        while True:
            try:
                return process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                for number in received[passed_on:]:
                    process.send_signal(number)
                passed_on = len(received)


def _compare(plan: Sequence[PlannedRun], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The comparison of finished runs, and the names of the files that it is written to."""
    from seqkit.files import signed, write_atomic
    from seqkit.report.comparison import FinishedRun, compared, plot, read_finished
    from seqkit.report.comparison_page import comparison_page
    from seqkit.runs import RunDirectory

    runs: dict[str, list[FinishedRun]] = {}
    for planned in plan:
        runs.setdefault(planned.cell, []).append(read_finished(RunDirectory(planned.folder)))
    facts = compared(runs)
    write_atomic(folder / "compare.json", signed(facts))
    write_atomic(folder / "compare.html", comparison_page(facts).encode())
    written = ["compare.json", "compare.html"]
    if find_spec("matplotlib"):
        for name, content in plot(facts).items():
            write_atomic(folder / name, content)
            written.append(name)
    return facts, written
