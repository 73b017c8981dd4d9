"""``compare.html``: a comparison as one page that needs nothing else and no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from seqkit.pages import document, muted, safe, section, table
from seqkit.report.comparison import plot, tables
from seqkit.report.numbers import number, spaced

_ABOUT_P = (
    "p: how likely a difference this large would be if the two were equally good, from a paired bootstrap. A small p, "
    "such as below 0.05, says that the difference is hardly luck. A dash: not scored on the same test split."
)


def comparison_page(facts: Mapping[str, Any]) -> str:
    """The page of what ``compare.json`` has: the best first in the header, the plot, and the tables."""
    what = facts.get("compared", "cells")
    names = ", ".join(facts["cells"])
    header = f"<header><h1>{safe(facts['task'])}: {safe(names)}</h1>{_best(facts, what)}</header>"
    parts = [header, _plot(facts)]
    for entry in tables(facts):
        rows = [[number(value) for value in row] for row in entry.rows]
        about = muted(_ABOUT_P) if entry.title.startswith("Differences") else ""
        parts.append(section(entry.title, table(entry.columns, rows, {*range(1, len(entry.columns))}) + about))
    return document(f"{facts['task']}: {names}", "\n".join(filter(None, parts)))


def _best(facts: Mapping[str, Any], what: str) -> str:
    choose = max if facts["better"] == "higher" else min
    best = choose(facts["cells"], key=lambda name: facts["cells"][name]["mean"])
    score = f"{spaced(facts['metric'])} {number(float(facts['cells'][best]['mean']))}"
    return f"<p><strong>Best of the {safe(what)} on the test split: {safe(best)}, {safe(score)}.</strong></p>"


def _plot(facts: Mapping[str, Any]) -> str:
    if not find_spec("matplotlib"):
        return ""
    content = base64.b64encode(plot(facts)["compare.svg"]).decode()
    picture = f'<img alt="the scores of each" src="data:image/svg+xml;base64,{content}">'
    return section("Scores", f'<figure><div class="wide">{picture}</div></figure>')
