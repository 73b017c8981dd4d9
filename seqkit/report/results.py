"""Sections of a report: the opening with the main numbers, the scores with their intervals, the learning curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from seqkit.drawing.curves import loss_curves, metric_curve
from seqkit.pages import muted, safe, section, table
from seqkit.report.numbers import duration, number, short_count, spaced
from seqkit.report.run_files import RunFiles

_NO_PLOT = "A plot is missing here; it needs matplotlib: pip install 'seqkit[plot]', then make the report again."


def opening(files: RunFiles) -> str:
    """Name and task of the run, and its main numbers as cards."""
    results = files.results
    metric, baseline = results["metric"], results["baseline"]
    facts = [(f"{spaced(metric)}, test split", number(results["test"][metric]))]
    if metric in baseline:
        facts.append(("baseline", number(baseline[metric])))
    facts += [("parameters", short_count(results["parameters"])), ("training", duration(results["seconds"]))]
    cards = "".join(f'<div><b>{safe(value)}</b><span class="pale">{safe(name)}</span></div>' for name, value in facts)
    title, summary = files.run.path.absolute().name, f"{results['task']}: {files.findings['summary']}"
    return f'<header><h1>{safe(title)}</h1><p>{safe(summary)}</p><div class="big">{cards}</div></header>'


def scores(files: RunFiles) -> str:
    """The scores of model and baseline, each with its interval."""
    results, intervals = files.results, files.findings["intervals"]
    model = results["test"], intervals["limits"]
    # Reports made before baselines had intervals have none.
    baseline = results["baseline"], files.findings.get("baseline_intervals", {})
    rows = [[spaced(name), _with_interval(name, *model), _with_interval(name, *baseline)] for name in results["test"]]
    better = f"A {results['better']} {spaced(results['metric'])} is better."
    how = _how_intervals_were_made(intervals["resamples"], intervals["examples"])
    content = table(["", "model", "baseline"], rows, numbers={1, 2})
    before = scored_before(results["metric"], results["scored_before"]) if "scored_before" in results else ""
    return section("Scores on the test split", content + muted(f"{how} {better} {before}".rstrip()))


def scored_before(metric: str, scored: Sequence[Mapping[str, Any]]) -> str:
    """The sentence on a run that went on after its test split had been scored."""
    times = ", ".join(f"after {entry['epochs']} epochs ({number(entry['test'][metric])})" for entry in scored)
    return f"The test split was scored before, {times}: what was chosen since then has seen it."


def _how_intervals_were_made(resamples: int, examples: int) -> str:
    if resamples:
        return (
            f"Below a score is its 95 % interval: {resamples:,} resamples of the {examples:,} examples or pieces of "
            "the test split (bootstrap)."
        )
    if examples < 10:
        return "No intervals: the test split has fewer than ten examples or pieces to draw from."
    return "No intervals: scoring the test split again and again would take too long."


def _with_interval(name: str, values: Mapping[str, float], limits: Mapping[str, Sequence[float]]) -> str:
    """A score, and below it the limits of its interval."""
    if name not in values:
        return "–"
    below = f"\n{' to '.join(map(number, limits[name]))}" if name in limits else ""
    return f"{number(values[name])}{below}"


def learning(files: RunFiles) -> str:
    """The curves of the losses, and of the metric, by epoch."""
    metric, best = files.results["metric"], files.results["best_epoch"]
    if not files.history:
        return ""
    plots = [figure_of(lambda: loss_curves(files.history, best))]
    if find_spec("matplotlib") and all(metric in record for record in files.history):
        plots.append(figure_of(lambda: metric_curve(files.history, metric, best)))
    text = f"{files.results['epochs']} epochs; the model of epoch {best} is kept."
    return section("Learning", f'<div class="pair">{"".join(plots)}</div>{muted(text)}')


def figure_of(plot: Callable[[], str]) -> str:
    """A plot as a figure; where matplotlib is missing, a sentence that says so."""
    return f"<figure>{plot()}</figure>" if find_spec("matplotlib") else muted(_NO_PLOT)
