"""``compare.html``: a comparison as one page that needs nothing else and no network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from seqkit.drawing.curves import PAGE, svg
from seqkit.drawing.lines import line_plot
from seqkit.pages import document, muted, safe, section, table
from seqkit.report.comparison import dots, tables
from seqkit.report.lengths import baselines, length_tables
from seqkit.report.numbers import number, spaced
from seqkit.tables import Table

_ABOUT_P = (
    "p: how likely a difference this large would be if the two were equally good, from a paired bootstrap. A small p, "
    "such as below 0.05, means that the difference is unlikely to be chance. A dash: not scored on the same test split."
)


def comparison_page(facts: Mapping[str, Any]) -> str:
    """The page of what ``compare.json`` has: the best first in the header, the plot, and the tables."""
    what = facts.get("compared", "cells")
    names = ", ".join(facts["cells"])
    header = f"<header><h1>{safe(facts['task'])}: {safe(names)}</h1>{_best(facts, what)}</header>"
    first, *others = tables(facts)
    scores = section(first.title, f'<div class="spread">{_plot(facts)}{_written(first)}</div>')
    about = {others[-1].title: muted(_ABOUT_P)}
    cards = [section(entry.title, _written(entry) + about.get(entry.title, "")) for entry in others]
    body = f'{header}\n{scores}\n<div class="pair">{"".join(cards)}</div>'
    return document(f"{facts['task']}: {names}", body)


def _written(entry: Table) -> str:
    rows = [[number(value) for value in row] for row in entry.rows]
    return table(entry.columns, rows, {*range(1, len(entry.columns))})


def _best(facts: Mapping[str, Any], what: str) -> str:
    sign = 1 if facts["better"] == "higher" else -1
    means = {name: float(cell["mean"]) for name, cell in facts["cells"].items()}
    top = max(means.values(), key=lambda mean: sign * mean)
    *others, last = [name for name, mean in means.items() if mean == top]
    best = f"{', '.join(others)} and {last}" if others else last
    text = f"Best of the {what} on the test split: {best}, {spaced(facts['metric'])} {number(top)}."
    gains = [
        sign * (cell["mean"] - base) for cell in facts["cells"].values() if (base := cell["baseline_mean"]) is not None
    ]
    warning = " None is better than its baseline." if gains and max(gains) <= 0 else ""
    return f"<p><strong>{safe(text + warning)}</strong></p>"


def _plot(facts: Mapping[str, Any]) -> str:
    if not find_spec("matplotlib"):
        return ""
    picture = _lengths(facts) if length_tables(facts) else svg(dots(facts, PAGE, 4.6), "the scores of each")
    return f"<figure>{picture}</figure>"


def _lengths(facts: Mapping[str, Any]) -> str:
    """A line for each cell over the lengths, and one for the baseline."""
    cells = facts["cells"]
    lines = {name: [*summary["by_length"].values()] for name, summary in cells.items()}
    for name, scores in baselines(facts).items():
        lines[name] = [*scores.values()]
    lengths = [int(length) for length in next(iter(baselines(facts).values()))]
    return line_plot(lines, lengths, "steps of a sequence", spaced(facts["metric"]), log_across=True)
