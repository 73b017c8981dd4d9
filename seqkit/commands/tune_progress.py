"""What a person sees of a study: a bar for the trial under way, a line for each that has ended, and what was found."""

from __future__ import annotations

import io
import math
import shlex
import textwrap
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from seqkit.commands.output import echo
from seqkit.commands.terminal import WIDTH, Reporter, clock, print_tables, steady_console
from seqkit.config import written
from seqkit.runs.session import Session
from seqkit.signs import as_signs
from seqkit.tables import Table
from seqkit.training.trainer import Callback, Trainer
from seqkit.tuning.record import State, Trial
from seqkit.tuning.search import Budget
from seqkit.tuning.study import Study
from seqkit.tuning.summary import counted, importances, repeating, tried


class TuneProgress(Callback):
    """Shows how a study goes, on standard error; it watches each trial as a callback of its training."""

    def __init__(self, study: Study, budget: Budget) -> None:
        self.study, self.budget = study, budget
        self.console = steady_console(highlight=False, soft_wrap=True)
        self.score = study.plan.criterion.score
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._trial: Trial | None = None
        self._began, self._best, self._ended = time.monotonic(), "", 0
        self._look()
        self._ended_before = self._ended
        self._log: Reporter | None = None

    def line(self, text: str) -> None:
        """A line of its own, above the bar if there is one."""
        (self._bar.console if self._bar else self.console).print(Text(as_signs(text)))

    def prose(self, text: str, indent: str = "") -> None:
        """A sentence in lines of at most 80 columns."""
        for line in textwrap.wrap(
            text,
            WIDTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        ):
            self.line(line)

    def opening(self, notes: Sequence[str], budget: str) -> None:
        """What is searched, for how long, and by which score."""
        self.line(f"{self.study.plan.task.name} in {self.study.folder}: {budget}")
        for note in notes:
            self.prose(f"note: {note}")
        if done := tried(self.study.trials()):
            self.line(f"resuming a study of {done} trials")
        for name, domain in self.study.plan.space.items():
            self.prose(f"{name.replace('_', '-'):<20}{domain.text().removesuffix(':linear')}", "  ")
        self.line(f"judged by {_spoken(self.score)} on the validation split; no trial sees the test split")

    def begin(self, trial: Trial) -> Sequence[Callback]:
        """Shows the bar of a trial."""
        self._trial = trial
        return [self]

    def opened(self, session: Session) -> None:
        """The epochs of a trial go to the log of its run."""
        self._log = Reporter(session.run.log, io.StringIO())

    def on_start(self, trainer: Trainer) -> None:
        """Shows the bar of the trial."""
        if self._log is not None:
            self._log.on_start(trainer)
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=10), TextColumn("{task.fields[facts]}"))
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(self._name(), total=1.0, facts="")
            self._bar.start()

    def on_step(self, trainer: Trainer) -> None:
        """Moves the bar."""
        if self._bar is not None:
            best = trainer.progress.best
            score = "" if best is None else f"{best:.4f}  "
            facts = f"epoch {trainer.progress.epoch + 1}  {score}{self._best}  {self._left()}"
            self._bar.update(self._task, completed=trainer.done, facts=facts)

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """A line in the log."""
        self._look()
        if self._log is not None:
            self._log.on_evaluate(trainer, record, better)

    def on_stop(self, trainer: Trainer) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def end(self, trial: Trial) -> None:
        """A line for the trial, and one with its values."""
        self._log = None
        if trial.state is State.ABANDONED:
            return
        self._look()
        best = self.study.best()
        star = " *" if best is not None and best.number == trial.number else ""
        self.prose(f"{self._name()}  {self._outcome(trial)}{star}  {self._best}  {self._left()}")
        self.prose("  ".join(f"{_spoken(name)}={written(value)}" for name, value in trial.values.items()), "  ")

    def _name(self) -> str:
        number = self._trial.label if self._trial else 0
        return f"trial {number}/{self.budget.trials}" if self.budget.trials else f"trial {number}"

    def _outcome(self, trial: Trial) -> str:
        if trial.state is State.FAILED:
            return f"failed: {trial.facts.get('why')}"
        how = f"in {clock(trial.facts['seconds'])}"
        if same := trial.facts.get("same_as"):
            how = f"same as trial {same}"
        elif trial.state is State.PRUNED or trial.facts.get("cut"):
            word = "pruned" if trial.state is State.PRUNED else "stopped by the time limit"
            how = f"{word} after epoch {trial.facts['epochs']}, {how}"
        return f"{_spoken(self.score)} {trial.score:.4f}  {how}"

    def _look(self) -> None:
        """Reads how far the study is; not at every step, for it asks the disk."""
        trials, best = self.study.trials(), self.study.best()
        self._best = "" if best is None else f"best {best.score:.4f} (trial {best.label})"
        self._ended = sum(trial.state in (State.COMPLETE, State.PRUNED, State.FAILED) for trial in trials)

    def _left(self) -> str:
        """The time left, until the budget of time is used up or the processes have done the trials together."""
        left, ended = self.budget.deadline - time.monotonic(), self._ended - self._ended_before
        if self.budget.trials and ended:
            each = (time.monotonic() - self._began) / ended
            left = min(left, each * max(0, self.budget.trials - self._ended))
        return f"{clock(max(0.0, left))} left" if math.isfinite(left) else ""


def show_study(study: Study, best: Trial, page: Path) -> None:
    """The best trial, what mattered and the command that repeats it, on standard output within 80 columns."""
    trials, shares = study.trials(), importances(study)
    first = next((trial for trial in trials if trial.place == 0 and trial.state is State.COMPLETE), None)
    rows = [
        [_spoken(name), written(value), written(study.plan.first[name]), _share(shares, name)]
        for name, value in best.values.items()
    ]
    score = _spoken(study.plan.criterion.score)
    title = f"Best of {tried(trials)} trials: {score} {best.score:.4f} on validation"
    title += f", {first.score:.4f} with the defaults" if first is not None else ""
    print_tables([Table(title, ["option", "best", "default", "mattered"], rows)])
    chosen = (
        f"{counted(trials)}. The best score of {tried(trials)} is optimistic; the test score, which was not "
        "used for choosing, is not."
    )
    echo("\n" + textwrap.fill(chosen, WIDTH))
    echo("By hand:\n" + _pasteable(repeating(study.plan, best.values)))
    echo(f"The study's page: {page}")


def _pasteable(words: Sequence[str]) -> str:
    """A command in lines that a shell reads as one; an option and its value stay together."""
    parts: list[str] = []
    for before, word in pairwise(["", *words]):
        if before.startswith("--") and "=" not in before:
            parts[-1] += f" {shlex.quote(word)}"
        else:
            parts.append(shlex.quote(word))
    lines = [" "]
    for part in parts:
        if len(lines[-1]) + len(part) > WIDTH - 5:
            lines.append("")
        lines[-1] += f" {part}"
    return " \\\n   ".join(lines)


def _share(shares: dict[str, float], name: str) -> str:
    return f"{shares[name]:.0%}" if name in shares else "–"


def _spoken(name: str) -> str:
    return name.replace("_", "-")
