"""Scores at each length of a sequence, of the cells of a comparison: how far what they learned reaches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from seqkit.drawing.figures import literal, new_figure
from seqkit.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = "osD^vPX*"


def scores_by_length(runs: Sequence[Mapping[str, Any]], of: str = "test") -> dict[str, float]:
    """From the results of runs, the average of each score that has a length in its name: ``accuracy_100``."""
    metric = runs[0]["metric"]
    names = [name for name in runs[0][of] if re.fullmatch(rf"{re.escape(metric)}_\d+", name)]
    return {name.rpartition("_")[2]: fmean(run[of][name] for run in runs) for name in names}


def length_tables(facts: Mapping[str, Any]) -> list[Table]:
    """A row for each cell and a column for each length, of what :func:`seqkit.report.comparison.compared` gave."""
    cells = {cell: summary.get("by_length") for cell, summary in facts["cells"].items()}
    lengths = next(iter(cells.values()))
    if not lengths or any(scores is None or scores.keys() != lengths.keys() for scores in cells.values()):
        return []
    rows = [[cell, *(f"{score:.3f}" for score in (scores or {}).values())] for cell, scores in cells.items()]
    rows += [[name, *(f"{score:.3f}" for score in scores.values())] for name, scores in baselines(facts).items()]
    return [Table(f"By length: {facts['metric']}", ["", *lengths], rows)]


def baselines(facts: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The scores of the baseline by length: one where all were scored on the same splits, else that of each."""
    of_each = {cell: summary["baseline_by_length"] for cell, summary in facts["cells"].items()}
    first = next(iter(of_each.values()))
    if all(scores == first for scores in of_each.values()):
        return {"baseline": first}
    return {f"baseline of {cell}": scores for cell, scores in of_each.items()}


def length_plot(facts: Mapping[str, Any]) -> Figure:
    """A line for each cell over the lengths, and a dashed one for the baseline.

    Raises :class:`UsageError` where matplotlib is not installed.
    """
    figure = new_figure("a plot", 6.4, 3.6)
    axes = figure.add_subplot()
    for number, (cell, summary) in enumerate(facts["cells"].items()):
        _draw(axes, summary["by_length"], label=literal(cell), marker=_MARKERS[number % len(_MARKERS)])
    for name, scores in baselines(facts).items():
        _draw(axes, scores, label=literal(name), color="#777777", linestyle="--")
    lengths = [int(length) for length in next(iter(baselines(facts).values()))]
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.set_xlabel("steps of a sequence")
    axes.set_ylabel(literal(facts["metric"]))
    axes.set_title(literal(facts["task"]), fontsize=10)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _draw(axes: Any, scores: Mapping[str, float], **looks: Any) -> None:
    axes.plot([int(length) for length in scores], [*scores.values()], **looks)
