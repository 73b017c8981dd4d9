"""One trial: a training like that of a run, judged on the validation split; the test split is not looked at."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import signed
from seqkit.runs.model import count_parameters
from seqkit.runs.session import Session, start
from seqkit.training.trainer import Callback, Trainer
from seqkit.tuning.opening import trial_config
from seqkit.tuning.record import Trial
from seqkit.tuning.study import Plan

if TYPE_CHECKING:
    import optuna

_TENTHS = 10


class OtherData(UsageError):
    """A trial has read other data than its study."""


class Pruning(Callback):
    """Ends a trial that is worse than the median of the others were at the same point of their training.

    Points are tenths of the training that is planned, which fit trials of unequal epochs; a tenth in which nothing was
    evaluated has the score that was the best until then.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.pruned = False
        self._tenth = 0
        self._before: float | None = None

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Reports the best score so far; ends the training if the others were better."""
        tenth, best = int(_TENTHS * trainer.done), trainer.progress.best
        for earlier in range(self._tenth + 1, tenth):
            if self._before is not None:
                self.trial.report(self._before, earlier)
        if tenth > self._tenth and best is not None:
            self.trial.report(best, tenth)
            # Optuna answers with a bool of numpy's, which no JSON has.
            self.pruned = not trainer.progress.finished and bool(self.trial.should_prune())
        self._tenth, self._before = max(tenth, self._tenth), best
        trainer.progress.finished = trainer.progress.finished or self.pruned


class Deadline(Callback):
    """Ends a training at its first evaluation after ``time``, of ``time.monotonic``."""

    def __init__(self, time: float) -> None:
        self.time = time
        self.cut = False

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Ends the training, if the time has come."""
        if not trainer.progress.finished and time.monotonic() >= self.time:
            self.cut = trainer.progress.finished = True


class TrialRun:
    """The training of one trial in its folder.

    Args:
        plan: what the study searches for.
        proposed: the trial as Optuna writes to it; ``trial`` is the same as we read it.
        folder: where its run is kept.
        deadline: when the study ends, of ``time.monotonic``.
    """

    def __init__(self, plan: Plan, proposed: optuna.Trial, trial: Trial, folder: Path, deadline: float) -> None:
        self.plan, self.trial, self.folder = plan, trial, folder
        self.pruning, self.deadline = Pruning(proposed), Deadline(deadline)

    def train(self, callbacks: Sequence[Callback], opened: Callable[[Session], None]) -> Mapping[str, Any]:
        """Trains, and gives back the facts of the trial; raises :class:`~seqkit.training.Stopped` if asked to stop.

        Args:
            callbacks: further ones.
            opened: is handed the session before it trains.
        """
        began = time.monotonic()
        session = start(self.plan.task, trial_config(self.plan, self.trial.values), self.folder, [])
        if session.run.read_facts()["data"] != self.plan.data:
            raise OtherData(_other_data(self.plan))
        facts = {"trial": self.trial.number, "values": self.trial.values}
        session.run.write(self.folder / "trial.json", signed(facts))
        opened(session)
        session.train([self.pruning, self.deadline, *callbacks])
        if self.deadline.cut:
            # What ended before its time is not to be continued.
            session.keeper.save(session.trainer)
        progress = session.trainer.progress
        if progress.best is None or math.isnan(progress.best):
            raise SeqkitError(f"its {self.plan.criterion.score} is not a number")
        return {
            "score": progress.best,
            "loss": progress.best_loss,
            "seconds": round(time.monotonic() - began, 2),
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "parameters": count_parameters(session.head),
            **({"cut": True} if self.deadline.cut else {}),
        }


def _other_data(plan: Plan) -> str:
    searched = ", ".join(plan.space)
    return (
        f"the trials have other data than the study began with: they have changed since, or one of {searched} changes "
        "them, and scores on other data cannot be compared; put the data back, or search other options"
    )
