"""What a study knows of its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from seqkit.schema import ANYTHING, Whole, check_schema

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


_ATTRIBUTES = {
    "proposal?": {"place?": (Whole(0, 2**31), None), "worker?": (str, None), "values?": {str: ANYTHING}},
    "facts?": {"score?": (float, None), "loss?": (float, None), "seconds?": float, "epochs?": int, "why?": str},
}
"""What a trial has beside what Optuna knows of it"""


class State(str, Enum):
    """How far a trial has come."""

    WAITING = "waiting"
    RUNNING = "under way"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """Stopped, or killed; its place in the study is taken again"""


class Trial(NamedTuple):
    """One configuration that was tried, or is being tried."""

    number: int
    """Optuna's: of all trials, those that were abandoned among them"""
    place: int | None
    """In the order of seeds, without those; None where a process ended before it said so"""
    worker: str | None
    state: State
    values: Mapping[str, Any]
    """Of the options that are searched"""
    score: float | None
    """Of the criterion on the validation split, at the trial's best evaluation"""
    facts: Mapping[str, Any]
    """How its training went: seconds, epochs, best_epoch, parameters; why it failed; of which trial it is a copy"""

    @property
    def label(self) -> int:
        """What people call it: 1 is the trial with the defaults."""
        return (self.number if self.place is None else self.place) + 1

    @property
    def killed(self) -> bool:
        """Whether its process ended without a word."""
        return self.state is State.ABANDONED and "stopped" not in self.facts


def trials_of(frozen: Sequence[FrozenTrial]) -> list[Trial]:
    """The trials of a study.

    What is killed a second time has failed, for it may be what takes the memory.
    """
    trials, killed = [], set[int | None]()
    for trial in map(_trial_of, frozen):
        if trial.killed and trial.place in killed:
            trial = trial._replace(state=State.FAILED, facts={"why": "its process was killed, twice"})
        elif trial.killed:
            killed.add(trial.place)
        trials.append(trial)
    return trials


def _trial_of(frozen: FrozenTrial) -> Trial:
    """A trial of Optuna's, as we put it there."""
    check_schema(frozen.user_attrs, _ATTRIBUTES, "journal.jsonl")
    proposal = frozen.user_attrs.get("proposal", {})
    facts = frozen.user_attrs.get("facts", {})
    state = State.ABANDONED if "stopped" in facts else State[_OURS[frozen.state.name]]
    # A trial that failed says why; one whose process was killed cannot, though it may have written how it had gone.
    if state is State.FAILED and "why" not in facts:
        state = State.ABANDONED
    return Trial(
        frozen.number,
        proposal.get("place"),
        proposal.get("worker"),
        state,
        proposal.get("values", {}),
        facts.get("score"),
        facts,
    )


_OURS = {"WAITING": "WAITING", "RUNNING": "RUNNING", "COMPLETE": "COMPLETE", "PRUNED": "PRUNED", "FAIL": "FAILED"}


def best_trial(trials: Sequence[Trial], higher_is_better: bool) -> Trial | None:
    """The complete trial with the best score; None if there is none."""
    return next(iter(ranked(trials, higher_is_better)), None)


def ranked(trials: Sequence[Trial], higher_is_better: bool) -> list[Trial]:
    """The complete trials, the best first: among equal scores the smaller loss is better, then the earlier trial."""

    def rank(trial: Trial) -> tuple[float, float, int]:
        score = trial.score or 0.0
        return -score if higher_is_better else score, trial.facts.get("loss", 0.0), trial.number

    return sorted((trial for trial in trials if trial.state is State.COMPLETE), key=rank)


def free_place(trials: Sequence[Trial]) -> int:
    """The first place in the order of seeds that no trial holds.

    A trial that was abandoned gives its place back, so that a study which continues tries what it would have tried.
    """
    taken = {trial.place for trial in trials if trial.state is not State.ABANDONED}
    return next(place for place in range(len(trials) + 1) if place not in taken)
