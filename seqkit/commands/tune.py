"""``seqkit tune TASK``: search for good options, and end in the run of the best."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.output import echo
from seqkit.commands.signals import stop_on_signal
from seqkit.commands.task_options import TaskCommand, TaskGroup, asked_values, completed_values, config_options
from seqkit.errors import SeqkitError, UsageError, missing

if TYPE_CHECKING:
    from seqkit.commands.tune_progress import TuneProgress
    from seqkit.topologies import AnyTask
    from seqkit.tuning.opening import Wanted
    from seqkit.tuning.search import Budget
    from seqkit.tuning.study import Study

_TRIALS, _MINUTES = 30, 30.0
"""The budget of a study where none is given: whichever is used up first"""


def _task_command(task: AnyTask) -> click.Command:
    own = [
        click.Option(
            ["--trials"], metavar="N", type=click.IntRange(1, 100_000), help="Trials of the study in total. [30]"
        ),
        click.Option(
            ["--minutes"], metavar="X", type=click.FloatRange(0, min_open=True), help="Time limit in minutes. [30]"
        ),
        click.Option(["--out"], metavar="FOLDER", help="Folder of the study. [runs/tune-TASK-N]"),
        click.Option(
            ["--search", "searches"],
            metavar="NAME=VALUES",
            multiple=True,
            help="An option to search: learning-rate=1e-4..1e-2, cell=gru,lstm.",
        ),
        click.Option(["--only"], is_flag=True, help="Search only what --search names."),
    ]
    names = {option.name for option in own}
    # An option of a task that is called like one of ours can still be given with --set.
    options = [option for option in config_options(task) if option.name not in names]

    def tune(
        trials: int | None,
        minutes: float | None,
        out: str | None,
        searches: tuple[str, ...],
        only: bool,
        config_file: str | None,
        settings: tuple[str, ...],
        **flags: str | None,
    ) -> int:
        if find_spec("optuna") is None:
            raise missing("seqkit tune", "optuna", "tune")
        from seqkit.runs.places import next_free

        folder = Path(out) if out else next_free(Path("runs"), f"tune-{task.name}")
        asked = asked_values(task, config_file, settings, flags)
        return _carry_out(task, folder, asked, (searches, only), (trials, minutes))

    text = f"Search for good options of: {task.summary}."
    return TaskCommand(task.name, params=[*own, *options], callback=tune, help=text)


@click.group(cls=TaskGroup, task_command=_task_command, subcommand_metavar="TASK [OPTIONS]")
def command() -> None:
    """Search for good options and train the best.

    Trials are judged on the validation split, never on the test split. Options that are set are not searched. An
    interrupted study resumes when it is run again with the same --out; several processes or machines can share it.
    """


def _carry_out(
    task: AnyTask,
    folder: Path,
    asked: Mapping[str, Any],
    search: tuple[Sequence[str], bool],
    limits: tuple[int | None, float | None],
) -> int:
    from seqkit.commands.tune_progress import TuneProgress
    from seqkit.kernels import ensure
    from seqkit.machine import return_freed_memory
    from seqkit.tuning.opening import open_plan
    from seqkit.tuning.study import Study
    from seqkit.tuning.workers import Worker

    wanted, notes = _wanted(task, folder, asked, search), list[str]()
    if wanted.values.get("kernel", "auto") in ("auto", "native"):
        ensure(lambda line: echo(line, err=True))
    budget = _budget(*limits)
    plan = open_plan(folder, task, wanted, notes)
    return_freed_memory()
    with Worker(folder) as worker:
        study = Study(folder, plan, worker)
        progress = TuneProgress(study, budget)
        progress.opening(notes, _budget_text(*limits))
        code = _search(study, budget, progress, _again(study, limits))
        return code if code is not None else _finish(study, progress, _again(study, limits))


def _wanted(task: AnyTask, folder: Path, asked: Mapping[str, Any], search: tuple[Sequence[str], bool]) -> Wanted:
    """What is requested; of a study that exists, what was not said again stays as it was."""
    from seqkit.cells import OwnCell, is_own
    from seqkit.tuning.opening import Wanted, read_study

    if (folder / "study.json").exists():
        facts = read_study(folder)
        if facts["task"] != task.name:
            raise UsageError(
                f"{folder} is a study of {facts['task']}, not of {task.name}; choose another folder with --out"
            )
        asked = {**facts["asked"], **asked}
        if is_own(cell := asked.get("cell")) and not isinstance(cell, OwnCell):
            raise UsageError(f"{folder} has the cell {cell}, a file that is run only if you name it: add --cell {cell}")
    return Wanted(asked, completed_values(task, asked), *search)


def _budget(trials: int | None, minutes: float | None) -> Budget:
    from seqkit.tuning.search import Budget

    if trials is None and minutes is None:
        trials, minutes = _TRIALS, _MINUTES
    return Budget(trials, math.inf if minutes is None else time.monotonic() + 60 * minutes)


def _budget_text(trials: int | None, minutes: float | None) -> str:
    if trials is None and minutes is None:
        return f"{_TRIALS} trials or {_MINUTES:g} minutes, whichever is first (--trials, --minutes)"
    parts = [f"{trials} trial{'s' if trials > 1 else ''}" if trials else "", f"{minutes:g} minutes" if minutes else ""]
    return ", at most ".join(filter(None, parts))


def _again(study: Study, limits: tuple[int | None, float | None]) -> str:
    """The command that continues a study."""
    trials, minutes = limits
    words = ["seqkit", "tune", study.plan.task.name, "--out", str(study.folder)]
    words += ["--trials", str(trials)] if trials else []
    words += ["--minutes", f"{minutes:g}"] if minutes else []
    return shlex.join(words)


def _search(study: Study, budget: Budget, progress: TuneProgress, again: str) -> int | None:
    """The trials; an exit code if a signal has stopped them."""
    from seqkit.tuning.page import write_page
    from seqkit.tuning.search import Search

    search = Search(study, budget, progress)
    with stop_on_signal(search.request_stop) as received:
        search.run()
    if not search.stopping:
        return None
    write_page(study)
    progress.line(f"stopped; resume with: {again}")
    return 128 + received[0]


def _finish(study: Study, progress: TuneProgress, again: str) -> int:
    """The run of the best trial, scored on the test split, and the page; or a word that others are still at work."""
    from seqkit.commands.training import train
    from seqkit.commands.tune_progress import show_study
    from seqkit.runs.session import resume
    from seqkit.tuning.page import write_page
    from seqkit.tuning.record import State
    from seqkit.tuning.summary import note_in_results

    # This process has no trial under way any more.
    best, others = study.best(), sum(trial.state is State.RUNNING for trial in study.trials())
    if others or not study.claim_ending():
        progress.line("others are still at work on the study; the last of them ends it with the run of its best")
        return 0
    if best is None:
        write_page(study)
        raise SeqkitError(f"no trial was completed; resume with: {again}")
    run, cell = study.keep_best(best), getattr(study.plan.config, "cell", None)
    progress.line(f"the best is trial {best.label}, now in {run.path}")
    if not run.results.exists() and (
        code := train(study.plan.config.kernel, lambda notes: resume(run.path, notes, cell=cell))
    ):
        return code
    note_in_results(run, study.trials(), best, study.plan.criterion, cell)
    show_study(study, best, write_page(study))
    return 0
