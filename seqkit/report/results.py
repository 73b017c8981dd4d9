"""Sections of a report: the opening with the main numbers, the scores with their intervals, the learning curves."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from seqkit.drawing.curves import loss_curves, metric_curve
from seqkit.pages import muted, safe, section, table
from seqkit.report.meanings import meanings
from seqkit.report.numbers import counted, duration, number, short_count, signed, spaced
from seqkit.report.run_files import RunFiles
from seqkit.runs.verdict import RUN

_NO_PLOT = "A plot is missing here, as it needs matplotlib: pip install 'seqkit[plot]', then rebuild the report."


def opening(files: RunFiles) -> str:
    """Name and task of the run, the verdict, and its main numbers as cards, that of the model first."""
    results = files.results
    title, summary = files.run.path.absolute().name, f"{results['task']}: {files.findings['summary']}"
    heading = f"<h1>{safe(title)}</h1><p>{safe(summary)}</p>{_verdict(files)}"
    return f'<header>{heading}<div class="big">{"".join(_cards(files))}</div></header>'


def _cards(files: RunFiles) -> Iterator[str]:
    results, limits = files.results, files.findings["intervals"]["limits"]
    metric, baseline = results["metric"], results["baseline"]
    reach = f", 95 % interval {' to '.join(map(number, limits[metric]))}" if metric in limits else ""
    yield _card(number(results["test"][metric]), f"{spaced(metric)}, test split{reach}", "lead")
    if metric in baseline:
        verdict = results.get("verdict", {})
        name = verdict.get("baseline", "the baseline")
        yield _card(signed(results["test"][metric] - baseline[metric]), f"compared with {name}", _outcome(verdict))
        yield _card(number(baseline[metric]), name)
    yield _card(short_count(results["parameters"]), "parameters")
    if "members" in results:
        yield _card(str(len(results["members"])), "members")
    else:
        yield _card(duration(results["seconds"]), "training")


def _card(value: str, name: str, kind: str = "") -> str:
    marked = f' class="{kind}"' if kind else ""
    return f'<div{marked}><b>{safe(value)}</b><span class="pale">{safe(name)}</span></div>'


def _outcome(verdict: Mapping[str, Any]) -> str:
    """The class of the difference, which gives its colour."""
    outcome = verdict.get("outcome")
    return outcome if outcome in ("better", "worse") else "even"


def _verdict(files: RunFiles) -> str:
    """How the model compares with its baseline, and what to try next; runs of 0.2.0 and before have none."""
    verdict = files.results.get("verdict")
    if verdict is None:
        return ""
    said = [*verdict["remarks"], *filter(None, [memory_sentence(files.results), calibration_sentence(files.results)])]
    sentences = "".join(f"<p>{safe(sentence)}</p>" for sentence in said)
    path = shlex.quote(str(files.run.path))
    command = verdict["suggestion"]
    tried = f"<p>Try: <code>{safe(command.replace(RUN, path))}</code></p>" if command else ""
    return f"<p><strong>{safe(verdict['sentence'])}</strong></p>{sentences}{tried}"


def scores(files: RunFiles) -> str:
    """The scores of model and baseline, each with its interval."""
    results, intervals = files.results, files.findings["intervals"]
    model = results["test"], intervals["limits"]
    # Reports made before baselines had intervals have none.
    baseline = results["baseline"], files.findings.get("baseline_intervals", {})
    rows = [[spaced(name), _with_interval(name, *model), _with_interval(name, *baseline)] for name in results["test"]]
    better = f"A {results['better']} {spaced(results['metric'])} is better."
    how = _how_intervals_were_made(intervals["resamples"], intervals["examples"])
    named = results.get("verdict", {}).get("baseline", "baseline")
    explained = "".join(
        f"<dt>{safe(name)}</dt><dd>{safe(text)}</dd>" for name, text in meanings(results["test"]).items()
    )
    content = table(["", "model", named], rows, numbers={1, 2}) + (f"<dl>{explained}</dl>" if explained else "")
    content = f'<div class="spread">{content}</div>'
    before = scored_before(results["metric"], results["scored_before"]) if "scored_before" in results else ""
    how = f"{how} {better} {before}".rstrip()
    return section("Scores on the test split", content + muted(how) + _how_it_was_chosen(results))


def _how_it_was_chosen(results: Mapping[str, Any]) -> str:
    """Of a run that a search has ended with: its validation score is one of many."""
    if "tuning" not in results:
        return ""
    tuning = results["tuning"]
    text = (
        f"Chosen by seqkit tune, as trial {tuning['trial']} among {tuning['trials']}: its {spaced(tuning['score'])} on "
        f"validation, {number(tuning['valid'])}, is the best of that many, and therefore optimistic. "
        "The test split was not used for choosing."
    )
    return muted(text)


def scored_before(metric: str, scored: Sequence[Mapping[str, Any]]) -> str:
    """The sentence on a run that continued after its test split had been scored."""
    times = ", ".join(
        f"after {counted(entry['epochs'], 'epoch')} ({number(entry['test'][metric])})" for entry in scored
    )
    return f"The test split was scored before, {times}: what was chosen since then has seen it."


def memory_sentence(results: Mapping[str, Any]) -> str:
    """The sentence on training pairs whose targets a model answers with; empty where it answers with none."""
    tuned = results.get("memory")
    if tuned is None or tuned["similarity"] is None:
        return ""
    scores = f"{tuned['score'].replace('_', '-')} {number(tuned['tuned'])}, without {number(tuned['alone'])}"
    return (
        f"A text with a similarity of {tuned['similarity']:.2f} or more to a source of the training split is answered "
        f"with its target, as {100 * tuned['answered']:.0f} % of the validation split were: {scores}."
    )


def calibration_sentence(results: Mapping[str, Any]) -> str:
    """The sentence on how readily spans are found; empty where nothing was fitted."""
    tuned = results.get("calibration")
    if tuned is None:
        return ""
    more = "more" if tuned["outside"] > 0 else "less"
    return (
        f"Spans are found {more} readily than in training, as often as the validation split has them (the score of O "
        f"changes by {-tuned['outside']:.2f}): {tuned['score'].replace('_', '-')} {number(tuned['tuned'])} there, and "
        f"{number(tuned['alone'])} without."
    )


def _how_intervals_were_made(resamples: int, examples: int) -> str:
    if resamples:
        return (
            f"Below a score is its 95 % interval: {resamples:,} resamples of the {examples:,} examples or pieces of "
            "the test split (bootstrap)."
        )
    if examples < 10:
        return "No intervals: the test split has fewer than ten examples or pieces to resample."
    return "No intervals: scoring the test split again and again would take too long."


def _with_interval(name: str, values: Mapping[str, float], limits: Mapping[str, Sequence[float]]) -> str:
    """A score, and below it the limits of its interval."""
    if name not in values:
        return "–"
    below = f"\n{' to '.join(map(number, limits[name]))}" if name in limits else ""
    return f"{number(values[name])}{below}"


def members(files: RunFiles) -> str:
    """Of an ensemble: the scores of each member on the same test split."""
    names = list(files.results["test"])
    rows = [
        [member["name"], *(number(member["test"].get(name, "–")) for name in names)]
        for member in files.results["members"]
    ]
    return section("Its members", table(["", *map(spaced, names)], rows, numbers={*range(1, len(names) + 1)}))


def learning(files: RunFiles) -> str:
    """The curves of the losses, and of the metric, by epoch."""
    if not files.history:
        return ""
    metric, best = files.results["metric"], files.results["best_epoch"]
    plots = [figure_of(lambda: loss_curves(files.history, best))]
    if find_spec("matplotlib") and all(metric in record for record in files.history):
        plots.append(figure_of(lambda: metric_curve(files.history, metric, best)))
    text = f"{counted(files.results['epochs'], 'epoch')}; the model of epoch {best} is kept."
    return section("Learning", f'<div class="pair">{"".join(plots)}</div>{muted(text)}')


def figure_of(plot: Callable[[], str]) -> str:
    """A plot as a figure; where matplotlib is missing, a sentence that says so."""
    return f"<figure>{plot()}</figure>" if find_spec("matplotlib") else muted(_NO_PLOT)
