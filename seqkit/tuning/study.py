"""A study: the folder in which one or several processes search for good options of a task.

``study.json`` says what is searched and never changes; ``journal.jsonl`` is Optuna's journal of the trials, JSON in
lines; ``trials`` has the runs that are under way and the best so far, ``workers`` the processes, ``best`` the run that
the study ends with.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seqkit.config import TrainingConfig
from seqkit.errors import SeqkitError
from seqkit.files import read_json, read_ordinary, without_digest
from seqkit.runs.directory import RunDirectory
from seqkit.schema import ANYTHING, Whole
from seqkit.scores.direction import Criterion
from seqkit.topologies import AnyTask
from seqkit.tuning.record import State, Trial, best_trial, free_place, trials_of
from seqkit.tuning.space import Domain
from seqkit.tuning.workers import Worker

if TYPE_CHECKING:
    import optuna

_RANDOM_TRIALS = 8
"""Drawn at random before the sampler learns from them: a study has some tens."""
_UNPRUNED_TRIALS, _UNPRUNED_TENTHS = 5, 3
"""Trials that are never pruned, and tenths of each training before which none is."""


_JOURNAL = "journal.jsonl"
"""In the folder of a study"""


class Plan(NamedTuple):
    """What a study searches for: all that ``study.json`` says, with this process's own paths to the data."""

    task: AnyTask
    config: TrainingConfig
    """Of every trial, but for the values that are searched"""
    asked: Mapping[str, Any]
    """The values of the configuration that somebody has set"""
    space: Mapping[str, Domain]
    first: Mapping[str, Any]
    """The values of the first trial: those that a run has without a search"""
    criterion: Criterion
    data: str
    """The fingerprint of the splits"""


class Study:
    """The trials of a study in a folder, for one of the processes that work on it."""

    def __init__(self, folder: Path, plan: Plan, worker: Worker) -> None:
        self.folder, self.plan, self.worker = folder, plan, worker
        self.best_folder = folder / "best"
        self.optuna = _open_journal(folder / _JOURNAL, plan.criterion)

    def trials(self) -> list[Trial]:
        """All trials, in the order in which they began."""
        with _naming(self.folder / _JOURNAL):
            return trials_of(self.optuna.get_trials(deepcopy=False))

    def best(self) -> Trial | None:
        """The best complete trial."""
        return best_trial(self.trials(), self.plan.criterion.higher_is_better)

    def propose(self, limit: int | None = None) -> tuple[optuna.Trial, Trial] | None:
        """The next trial, which is then under way in this process: as Optuna writes to it, and as we read it.

        None if the study has ``limit`` trials, with those that are under way.
        The sampler has a seed of its own for each place, so that a study which was stopped continues as if it had not.
        """
        # One process after the other, or two would take the same place.
        with self._lock():
            begun = sum(trial.state not in (State.WAITING, State.ABANDONED) for trial in self.trials())
            return None if limit is not None and begun >= limit else self._propose()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        from seqkit.tuning.journal_lock import JournalLock

        lock = JournalLock(self.folder / "proposing")
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _propose(self) -> tuple[optuna.Trial, Trial]:
        from optuna.samplers import TPESampler

        place = free_place(self.trials())
        if place == 0:
            self._enqueue_first()
        seed = hashlib.blake2b(f"{self.plan.config.seed} {place}".encode(), digest_size=4).digest()
        self.optuna.sampler = TPESampler(seed=int.from_bytes(seed, "big"), n_startup_trials=_RANDOM_TRIALS)
        asked = self.optuna.ask({name: domain.distribution() for name, domain in self.plan.space.items()})
        values = {name: domain.value(asked.params[name]) for name, domain in self.plan.space.items()}
        # Another process may have put the first trial there for this one to take.
        place = asked.user_attrs.get("proposal", {}).get("place", place)
        asked.set_user_attr("proposal", {"place": place, "worker": self.worker.name, "values": values})
        return asked, self.trials()[asked.number]

    def _enqueue_first(self) -> None:
        proposals = {name: domain.proposal(self.plan.first[name]) for name, domain in self.plan.space.items()}
        self.optuna.enqueue_trial(proposals, user_attrs={"proposal": {"place": 0}})

    def claim_ending(self) -> bool:
        """Whether this process is the one that ends the study, and no other that lives has begun to."""
        with self._lock():
            name = self.optuna.user_attrs.get("ending")
            if name not in (None, self.worker.name) and self.worker.lives(name):
                return False
            self.optuna.set_user_attr("ending", self.worker.name)
            return True

    def bury(self) -> None:
        """Gives up the trials under way whose process has ended without a word."""
        from optuna.trial import TrialState

        # While nobody proposes: a trial that has just begun has no worker's name yet.
        with self._lock():
            for trial in self.trials():
                if trial.state is State.RUNNING and not (trial.worker and self.worker.lives(trial.worker)):
                    self.optuna.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    def exhausted(self) -> bool:
        """Whether every combination of values has been tried."""
        tried = {_key(trial) for trial in self.trials() if trial.state in (State.COMPLETE, State.PRUNED, State.FAILED)}
        return len(tried) >= math.prod(domain.count for domain in self.plan.space.values())

    def same_as(self, trial: Trial) -> Trial | None:
        """An earlier trial with exactly the same values, which would only be repeated."""
        finished = (State.COMPLETE, State.PRUNED)
        earlier = [each for each in self.trials() if each.state in finished and not each.facts.get("same_as")]
        return next((each for each in earlier if _key(each) == _key(trial)), None)

    def trial_folder(self, number: int) -> Path:
        """Where the run of a trial lies, as long as it may be the best."""
        return self.folder / "trials" / f"{number:04d}"

    def tidy(self) -> None:
        """Deletes the runs of finished trials that are not the best."""
        best = self.best()
        for trial in self.trials():
            folder = self.trial_folder(trial.number)
            ended = trial.state not in (State.WAITING, State.RUNNING)
            if ended and folder.exists() and not (best and trial.number == best.number):
                # Another process may be deleting it, too.
                shutil.rmtree(folder, ignore_errors=True)

    def keep_best(self, best: Trial) -> RunDirectory:
        """Moves the run of the best trial to ``best``, in place of an earlier one."""
        run, source = RunDirectory(self.best_folder), self.trial_folder(best.number)
        if _trial_of_run(self.best_folder) == best.number:
            return run
        if not source.exists():
            raise SeqkitError(f"{source}, the run of the best trial, is missing; start another study")
        replaced = source.with_name(f"replaced-by-{best.number:04d}")
        if self.best_folder.exists():
            self.best_folder.rename(replaced)
        source.rename(self.best_folder)
        shutil.rmtree(replaced, ignore_errors=True)
        return run


def _open_journal(path: Path, criterion: Criterion) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from seqkit.tuning.journal_lock import JournalLock

    class Journal(JournalFileBackend):  # type: ignore[misc,unused-ignore]
        """Optuna's, with errors that say which file cannot be written."""

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            try:
                super().append_logs(logs)
            except OSError as error:
                raise SeqkitError(
                    f"cannot write {path}: {error.strerror or error}; free some space, or check the folder"
                ) from error

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _remove_unfinished_line(path)
    pruner = optuna.pruners.MedianPruner(_UNPRUNED_TRIALS, _UNPRUNED_TENTHS, n_min_trials=3)
    with _naming(path):
        # The backend keeps no snapshots, which would be pickles, and this sampler's attributes are JSON: what is loaded
        # can run no code.
        storage = JournalStorage(Journal(str(path), JournalLock(path)))
        return optuna.create_study(
            study_name="seqkit",
            storage=storage,
            pruner=pruner,
            direction="maximize" if criterion.higher_is_better else "minimize",
            load_if_exists=True,
        )


@contextmanager
def _naming(journal: Path) -> Iterator[None]:
    """Has an error of what is in a journal say which file it is."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise SeqkitError(f"{journal} is damaged ({reason}); delete its last line, or start another study") from None


def _remove_unfinished_line(path: Path) -> None:
    """Removes the beginning of a line, which a full disk or a power cut has left: the next would be joined to it."""
    if not path.exists():
        return
    from seqkit.tuning.journal_lock import JournalLock

    # Lines are written by whoever has it.
    lock = JournalLock(path)
    lock.acquire()
    try:
        content = read_ordinary(path)
        if (whole := content.rfind(b"\n") + 1) < len(content):
            os.truncate(path, whole)
    except OSError as error:
        raise SeqkitError(f"cannot read {path}: {error.strerror or error}; restore it from a backup") from None
    finally:
        lock.release()


def _key(trial: Trial) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(trial.values.items()))


def _trial_of_run(folder: Path) -> int | None:
    """The number of the trial whose run lies in a folder; None if there is none."""
    path = folder / "trial.json"
    if not path.exists():
        return None
    facts = without_digest(read_json(path, {"trial": Whole(0, 2**31), "values?": {str: ANYTHING}}), path, needed=False)
    return int(facts["trial"])
