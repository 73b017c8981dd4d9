"""Sets runs of one task side by side: a table, a plot, and whether differences are more than luck."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

from seqkit.drawing.curves import PAPER, Palette
from seqkit.drawing.figures import literal, new_figure
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import read_json
from seqkit.report.lengths import length_plot, length_tables, scores_by_length
from seqkit.report.numbers import counted, spaced
from seqkit.report.page import write_report
from seqkit.runs.directory import RunDirectory
from seqkit.runs.schemas import RESULTS
from seqkit.scores.resampling import paired_p_value
from seqkit.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FinishedRun(NamedTuple):
    """What a comparison takes from one run: results, the resampled scores, and the digest of its test split.

    Of a run of 0.2.0 and before it is the digest of all its data.
    """

    results: dict[str, Any]
    samples: list[float]
    test: str

    @property
    def score(self) -> float:
        """The metric on the test split."""
        return float(self.results["test"][self.results["metric"]])


def read_finished(run: RunDirectory) -> FinishedRun:
    """A finished run; raises :class:`SeqkitError` naming the file that is damaged."""
    _, facts = RunDirectory.open(run.path)
    run.check_found(facts, run.results.name, run.findings.name)
    results, findings = read_json(run.results, RESULTS), read_json(run.findings)
    try:
        return FinishedRun(results, list(findings["intervals"]["samples"]), str(findings.get("test", facts["data"])))
    except (KeyError, TypeError):
        raise SeqkitError(
            f"{run.findings} is damaged; delete it, and rebuild it: seqkit report {quote(str(run.path))}"
        ) from None


def compare_runs(paths: Sequence[Path]) -> dict[str, Any]:
    """The content of ``compare.json``, of finished runs of one task, each by the name of its folder.

    Raises :class:`UsageError` for runs that are unfinished, named twice, or not of one task and metric.
    """
    runs: dict[str, list[FinishedRun]] = {}
    for path, name in zip(paths, _names(paths), strict=True):
        if not RunDirectory(path).results.exists():
            raise UsageError(f"{path} is not finished; finish it first: seqkit resume {quote(str(path))}")
        if not RunDirectory(path).findings.exists():
            write_report(path)
        runs[name] = [read_finished(RunDirectory(path))]
    first, *others = (run.results for (run,) in runs.values())
    for path, results in zip(paths[1:], others, strict=True):
        if (results["task"], results["metric"]) != (first["task"], first["metric"]):
            raise UsageError(
                f"{path} is scored by {results['metric']} of {results['task']}, and {paths[0]} by {first['metric']} of "
                f"{first['task']}; compare runs of one task"
            )
    return {**compared(runs), "compared": "runs"}


def _names(paths: Sequence[Path]) -> list[str]:
    """The names of folders, as much of each path as tells them apart."""
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("each run may be named only once; remove the duplicate")
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def compared(runs: Mapping[str, Sequence[FinishedRun]]) -> dict[str, Any]:
    """The content of ``compare.json``, of runs by cell in the order of their seeds."""
    first = next(iter(runs.values()))[0].results
    return {
        "task": first["task"],
        "metric": first["metric"],
        "better": first["better"],
        "cells": {cell: _summary(of_cell) for cell, of_cell in runs.items()},
        "resamples": min(len(run.samples) for of_cell in runs.values() for run in of_cell),
        "p_values": [
            {"cells": [one, other], "difference": _difference(runs[one], runs[other]), "p": _p(runs[one], runs[other])}
            for one, other in itertools.combinations(runs, 2)
        ],
    }


def _summary(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    metric = runs[0].results["metric"]
    scores = [run.score for run in runs]
    baselines = [run.results["baseline"][metric] for run in runs if metric in run.results["baseline"]]
    results = [run.results for run in runs]
    by_length = scores_by_length(results)
    lengths = {"by_length": by_length, "baseline_by_length": scores_by_length(results, "baseline")}
    return {
        **(lengths if by_length else {}),
        "scores": scores,
        "mean": fmean(scores),
        "deviation": _deviation(scores),
        "baseline_mean": fmean(baselines) if baselines else None,
        "baseline_deviation": _deviation(baselines),
        "parameters": runs[0].results["parameters"],
        "seconds": fmean(run.results["seconds"] for run in runs),
        "peak_memory_mb": max(run.results["peak_memory_mb"] for run in runs),
    }


def _deviation(values: Sequence[float]) -> float | None:
    """Of a sample; None of fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def _difference(one: Sequence[FinishedRun], other: Sequence[FinishedRun]) -> float:
    return fmean(run.score for run in one) - fmean(run.score for run in other)


def _p(one: Sequence[FinishedRun], other: Sequence[FinishedRun]) -> float | None:
    """None where the two were not scored on the same test splits."""
    if [run.test for run in one] != [run.test for run in other]:
        return None
    return paired_p_value([(run.score, run.samples) for run in one], [(run.score, run.samples) for run in other])


def tables(facts: Mapping[str, Any]) -> list[Table]:
    """The comparison for a terminal: a row for each cell, and a row for each pair of them."""
    rows = [
        [
            cell,
            _spread(summary["mean"], summary["deviation"]),
            _spread(summary["baseline_mean"], summary["baseline_deviation"]),
            summary["parameters"],
            f"{summary['seconds']:.1f}",
            f"{summary['peak_memory_mb']:,.0f}",
        ]
        for cell, summary in facts["cells"].items()
    ]
    seeds = len(next(iter(facts["cells"].values()))["scores"])
    what = facts.get("compared", "cells")
    title = f"{facts['task']}: {facts['metric']} on the test split, {facts['better']} is better"
    title += f"; {counted(seeds, 'seed')}" if what == "cells" else ""
    one_each = all(summary["deviation"] is None for summary in facts["cells"].values())
    score = spaced(facts["metric"]) if one_each else "average ± deviation"
    columns = [what.removesuffix("s"), score, "baseline", "parameters", "seconds", "MB"]
    pairs = [
        [" – ".join(pair["cells"]), f"{pair['difference']:+.4f}", "–" if pair["p"] is None else f"{pair['p']:.3f}"]
        for pair in facts["p_values"]
    ]
    how = f"paired bootstrap of {facts['resamples']:,}" if facts["resamples"] else "none: nothing to resample"
    return [
        Table(title, columns, rows),
        *length_tables(facts),
        Table(f"Differences ({how})", [what, "difference", "p"], pairs),
    ]


def apart(facts: Mapping[str, Any]) -> str:
    """A sentence where some of what is compared was not scored on the same test split; else empty."""
    if all(pair["p"] is not None for pair in facts["p_values"]) or not facts["resamples"]:
        return ""
    return "–: not scored on the same test split, so part of the difference may be that of the examples"


def _spread(mean: float | None, deviation: float | None) -> str:
    if mean is None:
        return "–"
    return f"{mean:.4f}" if deviation is None else f"{mean:.4f} ± {deviation:.4f}"


def plot(facts: Mapping[str, Any]) -> dict[str, bytes]:
    """``compare.png`` and ``compare.svg``: a dot for each run, a bar at each average, a dashed line at the baseline.

    Where scores are known by length, it is a line for each cell over the lengths.

    Raises :class:`UsageError` where matplotlib is not installed.
    """
    figure = length_plot(facts) if length_tables(facts) else dots(facts, PAPER)
    return {f"compare.{kind}": _saved(figure, kind) for kind in ("png", "svg")}


def dots(facts: Mapping[str, Any], palette: Palette, width: float = 6.4) -> Figure:
    """A dot for each run, a bar at each average, a dashed line at the baseline; ``width`` in inches."""
    cells = facts["cells"]
    figure = new_figure("a plot", width, 1.4 + 0.5 * len(cells))
    axes = figure.add_subplot()
    for height, summary in enumerate(cells.values()):
        # A label only once, or each cell had a line of its own in the legend.
        dot, bar = ("a run", "average") if height == 0 else (None, None)
        scores = summary["scores"]
        axes.scatter(scores, [height] * len(scores), s=28, color=palette.first, alpha=0.6, label=dot)
        axes.plot([summary["mean"]] * 2, [height - 0.28, height + 0.28], color=palette.ink, label=bar)
    baselines = [summary["baseline_mean"] for summary in cells.values() if summary["baseline_mean"] is not None]
    if baselines:
        axes.axvline(fmean(baselines), color=palette.second, linestyle="--", linewidth=1, label="baseline")
    axes.set_yticks(range(len(cells)), [literal(cell) for cell in cells])
    axes.set_ylim(len(cells) - 0.5, -0.5)
    across = literal(f"{facts['metric'].replace('_', ' ')} on the test split ({facts['better']} is better)")
    axes.set_xlabel(across, color=palette.ink)
    axes.tick_params(colors=palette.ink)
    axes.grid(axis="x", color=palette.pale, alpha=0.35)
    axes.spines[:].set_color(palette.pale)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9, labelcolor=palette.ink)
    return figure


def _saved(figure: Any, kind: str) -> bytes:
    import matplotlib

    content = io.BytesIO()
    # The same bytes every time: without these an SVG has random identifiers and the date.
    with matplotlib.rc_context({"svg.hashsalt": "compare"}):
        figure.savefig(content, format=kind, dpi=130, metadata={"Date": None} if kind == "svg" else None)
    return content.getvalue()
