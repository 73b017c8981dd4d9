"""``tune.html``: one page about a study, which needs nothing else and no network."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from seqkit.config import written
from seqkit.drawing.studies import Scored, importance_bars, option_against_score, scores_by_trial
from seqkit.files import write_atomic
from seqkit.pages import document, muted, safe, section, table
from seqkit.report.numbers import duration, number, spaced
from seqkit.report.results import figure_of
from seqkit.tuning.record import State, Trial, ranked
from seqkit.tuning.study import Plan, Study
from seqkit.tuning.summary import best_so_far, counted, importances, repeating, tried

_BEST = 10
"""Trials in the table"""


def write_page(study: Study) -> Path:
    """Writes the page of a study as it stands, and returns where it is."""
    path = study.folder / "tune.html"
    trials = [trial for trial in study.trials() if trial.state is not State.ABANDONED]
    trials.sort(key=lambda trial: trial.label)
    shares = importances(study)
    sections = (
        _opening(study, trials),
        _scores(study.plan, trials),
        _table(study.plan, trials),
        _repeating(study),
        _importances(shares),
        _slices(study.plan, trials, shares),
        _failures(trials),
    )
    title = f"{study.plan.task.name}: {study.folder.absolute().name}"
    write_atomic(path, document(title, "\n".join(filter(None, sections))).encode())
    return path


def _opening(study: Study, trials: Sequence[Trial]) -> str:
    best, criterion = study.best(), study.plan.criterion
    seconds = sum(trial.facts.get("seconds", 0.0) for trial in trials)
    facts = [(counted(trials), str(len(trials))), ("training, all processes", duration(seconds))]
    if best is not None:
        facts.insert(0, (f"{spaced(criterion.score)}, validation, trial {best.label}", number(best.score)))
    cards = "".join(f'<div><b>{safe(value)}</b><span class="pale">{safe(name)}</span></div>' for name, value in facts)
    name = study.folder.absolute().name
    summary = f"{study.plan.task.name}: {study.plan.task.summary}; a search for good options."
    return f'<header><h1>{safe(name)}</h1><p>{safe(summary)}</p><div class="big">{cards}</div></header>'


def _scores(plan: Plan, trials: Sequence[Trial]) -> str:
    scored, ended = _scored(trials), [trial for trial in trials if trial.score is not None]
    if not scored:
        return ""
    bests = best_so_far(ended, plan.criterion)
    plot = figure_of(lambda: scores_by_trial(scored, bests, plan.criterion.score))
    better = "higher" if plan.criterion.higher_is_better else "lower"
    text = (
        f"A {better} {spaced(plan.criterion.score)} is better. Each is the best of a trial's evaluations on the "
        f"validation split; the best of {tried(trials)} such scores is optimistic. No trial has seen the test "
        "split, on which the best run is scored once. A cross is a trial that was pruned: it was worse than the median "
        "of the others at the same point of their training. Trials far worse than all complete ones are outside the "
        "plot."
    )
    return section("Scores by trial", f'<div class="pair">{plot}<p class="pale">{safe(text)}</p></div>')


def _importances(shares: Mapping[str, float]) -> str:
    if not shares:
        return section("What mattered", muted("There are too few complete trials to say what mattered."))
    plot = figure_of(lambda: importance_bars(shares))
    text = (
        "How much the distribution of values in the best trials differs from that in all complete trials, as shares of "
        "the whole (PED-ANOVA). With only tens of trials it is a hint, not a measurement."
    )
    return section("What mattered", f'<div class="pair">{plot}<p class="pale">{safe(text)}</p></div>')


def _slices(plan: Plan, trials: Sequence[Trial], shares: Mapping[str, float]) -> str:
    scored = _scored(trials)
    names = [*shares, *(name for name in plan.space if name not in shares)]
    if not scored:
        return ""
    plots = [figure_of(partial(_slice, plan, name, scored)) for name in names]
    # Without matplotlib each of them is the same sentence.
    return section("Each option against the score", f'<div class="pair">{"".join(dict.fromkeys(plots))}</div>')


def _slice(plan: Plan, name: str, scored: Sequence[Scored]) -> str:
    domain = plan.space[name]
    categories = [written(value) for value in domain.values]
    return option_against_score(name, scored, plan.criterion.score, domain.log, categories)


def _scored(trials: Sequence[Trial]) -> list[Scored]:
    return [
        Scored(trial.label, trial.values, trial.score, trial.state is State.COMPLETE)
        for trial in trials
        if trial.score is not None
    ]


def _table(plan: Plan, trials: Sequence[Trial]) -> str:
    best = ranked(trials, plan.criterion.higher_is_better)[:_BEST]
    if not best:
        return ""
    columns = ["trial", spaced(plan.criterion.score), "best epoch", "seconds", "parameters"]
    rows = [
        [
            f"{trial.label}{' (defaults)' if trial.place == 0 else ''}",
            number(trial.score),
            f"{trial.facts.get('best_epoch', '')} of {trial.facts.get('epochs', '')}",
            f"{trial.facts.get('seconds', 0.0):.1f}",
            number(trial.facts.get("parameters", "")),
            *(written(trial.values[name]) for name in plan.space),
        ]
        for trial in best
    ]
    names = [name.replace("_", "-") for name in plan.space]
    return section("The best trials", table([*columns, *names], rows, numbers={*range(5 + len(names))}))


def _failures(trials: Sequence[Trial]) -> str:
    failed = [trial for trial in trials if trial.state is State.FAILED]
    if not failed:
        return ""
    rows = [
        [
            str(trial.label),
            str(trial.facts.get("why", "")),
            ", ".join(f"{name.replace('_', '-')} {written(value)}" for name, value in trial.values.items()),
        ]
        for trial in failed
    ]
    return section("Failed trials", table(["trial", "why", "values"], rows, numbers={0}))


def _repeating(study: Study) -> str:
    best = study.best()
    if best is None:
        return ""
    command = shlex.join(repeating(study.plan, best.values))
    cut = "The study's time ran out before its training was over, so this command trains for longer. "
    text = f"{cut if best.facts.get('cut') else ''}Without the study, this trains the best configuration again:"
    return section("By hand", f'<p>{safe(text)}</p><pre class="fold">{safe(command)}</pre>')
