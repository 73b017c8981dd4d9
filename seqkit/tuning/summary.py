"""What a study has found: the best trial, what mattered, and the command that repeats it by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from seqkit.config import options_of
from seqkit.files import json_bytes, read_json
from seqkit.report.page import write_report
from seqkit.runs.directory import RunDirectory
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.schemas import RESULTS
from seqkit.scores.direction import Criterion
from seqkit.tuning.record import State, Trial
from seqkit.tuning.study import Plan, Study

_WEIGHABLE = 10
"""Complete trials from which on it can be said what mattered"""


def importances(study: Study) -> dict[str, float]:
    """The share of each option in what moved the score, the largest first; empty where trials are too few.

    PED-ANOVA (Watanabe et al., 2023): how much the distribution of values in the best trials differs from that in all.
    """
    from optuna.importance import get_param_importances

    complete = [trial for trial in study.trials() if trial.state is State.COMPLETE]
    if len(complete) < _WEIGHABLE or len({trial.score for trial in complete}) < 2:
        return {}
    return get_param_importances(study.optuna)


def repeating(plan: Plan, values: Mapping[str, Any]) -> list[str]:
    """The words of the command that trains with these values without a study."""
    options = options_of(type(plan.config))
    asked = {name: value for name, value in plan.asked.items() if name not in values}
    words = [word for name, value in asked.items() for word in options[name].arguments(value)]
    # All of them, for one that is the default of the class may not be that of the data.
    words += [word for name, value in values.items() for word in options[name].arguments(value)]
    return ["seqkit", "run", plan.task.name, *words]


def counted(trials: Sequence[Trial]) -> str:
    """How many trials ended in which way: ``21 complete, 8 pruned, 1 failed``."""
    counts = Counter(trial.state for trial in trials)
    states = (State.COMPLETE, State.PRUNED, State.FAILED, State.RUNNING)
    return ", ".join(f"{counts[state]} {state.value}" for state in states if counts[state]) or "no trial"


def tried(trials: Sequence[Trial]) -> int:
    """The trials that had a score, among which the best was chosen."""
    return sum(trial.state in (State.COMPLETE, State.PRUNED) for trial in trials)


def best_so_far(trials: Sequence[Trial], criterion: Criterion) -> list[float | None]:
    """After each trial, the best score of those complete by then."""
    found, best = [], None
    for trial in trials:
        score = trial.score if trial.state is State.COMPLETE else None
        if score is not None and (best is None or (score > best) == criterion.higher_is_better):
            best = score
        found.append(best)
    return found


def note_in_results(
    run: RunDirectory, trials: Sequence[Trial], best: Trial, criterion: Criterion, cell: GivenCell = None
) -> None:
    """Says in the results of the best run that its validation score was chosen among many; makes its page again.

    ``cell`` is that of :func:`seqkit.load`.
    """
    results = read_json(run.results, RESULTS)
    count = tried(trials)
    facts = {
        "trial": best.label,
        "trials": count,
        "score": criterion.score,
        "valid": best.score,
        "note": f"the best validation score of {count} trials, and therefore optimistic; "
        "the test split was not used for choosing",
    }
    if results.get("tuning") != facts:
        with run.writing():
            run.replace_file(run.results.name, json_bytes({**results, "tuning": facts}), run.read_facts())
        write_report(run.path, cell)
