"""The search of one process: trials one after the other, until the budget is used up or somebody asks to stop."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from seqkit.errors import SeqkitError, UsageError
from seqkit.runs.session import Session
from seqkit.training.trainer import Callback, Stopped
from seqkit.tuning.record import State, Trial
from seqkit.tuning.study import Study
from seqkit.tuning.trial import OtherData, TrialRun

if TYPE_CHECKING:
    import optuna

_FAILURES = 5
"""Trials in a row that may fail before something else must be wrong"""


class Budget(NamedTuple):
    """How long a study continues."""

    trials: int | None
    """Of all processes together; None: any number"""
    deadline: float
    """Of ``time.monotonic``; infinite: any time"""


class Watcher(Protocol):
    """Whoever shows how the search goes."""

    def begin(self, trial: Trial) -> Sequence[Callback]:
        """A trial begins; gives back what is to watch its training."""
        ...

    def opened(self, session: Session) -> None:
        """The run of the trial is there, and begins to train."""
        ...

    def end(self, trial: Trial) -> None:
        """A trial has ended, in whatever way."""
        ...


class Search:
    """Runs the trials of a study in this process."""

    def __init__(self, study: Study, budget: Budget, watcher: Watcher) -> None:
        self.study, self.budget, self.watcher = study, budget, watcher
        self.stopping = False
        self._session: Session | None = None
        self._failures = 0

    def request_stop(self) -> None:
        """Asks the search, from a signal handler, to stop after the step that is under way."""
        self.stopping = True
        if self._session is not None:
            self._session.request_stop()

    def run(self) -> None:
        """Trials until the budget is used up, everything is tried, or somebody asks to stop.

        Raises :class:`SeqkitError` where the first trial, or many in a row, fail.
        """
        self.study.bury()
        self.study.tidy()
        # What is there now stays, so that collecting what a trial leaves need not look at it: that took 0.3 s a time.
        gc.freeze()
        try:
            while not self.stopping and time.monotonic() < self.budget.deadline and not self.study.exhausted():
                proposed = self.study.propose(self.budget.trials)
                if proposed is None:
                    break
                self._one(*proposed)
                self.study.tidy()
                self.study.bury()
                # The head, its optimizer and the data hold each other.
                gc.collect()
        finally:
            gc.unfreeze()

    def _one(self, proposed: optuna.Trial, trial: Trial) -> None:
        callbacks = self.watcher.begin(trial)
        if same := self.study.same_as(trial):
            self._tell(proposed, same.state, {**same.facts, "seconds": 0.0, "same_as": same.label})
        else:
            self._train(proposed, trial, callbacks)
        self.watcher.end(self.study.trials()[trial.number])

    def _train(self, proposed: optuna.Trial, trial: Trial, callbacks: Sequence[Callback]) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        folder = self.study.trial_folder(trial.number)
        run = TrialRun(self.study.plan, proposed, trial, folder, self.budget.deadline)
        began = time.monotonic()
        try:
            facts = run.train(callbacks, self._opened)
        except UpdateFinishedTrialError:
            # This process was silent for so long, suspended perhaps, that another one gave the trial up.
            shutil.rmtree(folder, ignore_errors=True)
        except Stopped:
            self._tell(proposed, State.FAILED, {"stopped": True})
        except (SeqkitError, MemoryError, RuntimeError) as error:
            self._note_failure(proposed, trial, error, time.monotonic() - began)
        except BaseException:
            self._tell(proposed, State.FAILED, {"stopped": True})
            shutil.rmtree(folder, ignore_errors=True)
            raise
        else:
            self._failures = 0
            self._tell(proposed, State.PRUNED if run.pruning.pruned else State.COMPLETE, facts)
        finally:
            self._session = None

    def _opened(self, session: Session) -> None:
        self._session = session
        self.watcher.opened(session)
        if self.stopping:
            session.request_stop()

    def _note_failure(self, proposed: optuna.Trial, trial: Trial, error: Exception, seconds: float) -> None:
        """A trial that fails is a result, unless it shows that all would, or the disk was full."""
        reason = _reason(error)
        wrong = reason is None or isinstance(error, OtherData) or (isinstance(error, UsageError) and trial.place == 0)
        wrong = wrong or isinstance(error.__cause__, OSError)
        self._tell(
            proposed, State.FAILED, {"stopped": True} if wrong else {"why": reason, "seconds": round(seconds, 2)}
        )
        self._failures += 1
        if wrong:
            shutil.rmtree(self.study.trial_folder(trial.number), ignore_errors=True)
            raise error
        if self._failures >= _FAILURES:
            raise SeqkitError(f"{_FAILURES} trials in a row failed, the last because {reason}") from error

    def _tell(self, proposed: optuna.Trial, state: State, facts: Mapping[str, Any]) -> None:
        """Ends a trial; its facts first, for they cannot be added to one that has ended."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        states = {State.COMPLETE: TrialState.COMPLETE, State.PRUNED: TrialState.PRUNED}
        # Another process may have given the trial up, and has told its end, then.
        with suppress(UpdateFinishedTrialError):
            proposed.set_user_attr("facts", dict(facts))
            values = facts["score"] if state is State.COMPLETE else None
            self.study.optuna.tell(proposed, values, states.get(state, TrialState.FAIL))


def _reason(error: Exception) -> str | None:
    """Why a trial failed, in words that stand in a table; None for an error that nobody expects."""
    if isinstance(error, SeqkitError):
        return str(error)
    if isinstance(error, MemoryError) or "memory" in str(error):
        return "there was not enough memory"
    return None
