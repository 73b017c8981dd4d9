"""Which column of a table holds the texts, which the labels, and which the weights."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

from seqkit.data.readers.location import SourceLocation, shown
from seqkit.data.readers.tables import twin
from seqkit.errors import UsageError

_USUAL_NAMES = {
    "text": [
        "text",
        "sentence",
        "review",
        "content",
        "comment",
        "body",
        "message",
        "document",
        "tweet",
        "phrase",
        "title",
    ],
    "label": ["label", "sentiment", "class", "category", "target", "rating", "stars", "tag", "y"],
    "weight": [],
    "group": [],
}
"""From the most obvious to the least: where a table has several of them, the first one is it."""


def choose_column(
    columns: Sequence[str],
    wanted: str | None,
    kind: Literal["text", "label", "weight", "group"],
    location: SourceLocation,
) -> str:
    """The column of that name, or the one with the most obvious name for a text or a label; no name is for a weight.

    Raises :class:`UsageError` with the columns there are and the option that names one.
    """
    chosen = _choose(columns, wanted, kind, location)
    if twin(chosen) in columns:
        raise UsageError(f"{location}: two columns are called {shown(chosen)}; rename one of them")
    return chosen


def _choose(columns: Sequence[str], wanted: str | None, kind: str, location: SourceLocation) -> str:
    if wanted is not None:
        return _named_column(columns, wanted, kind, location)
    lower = {column.lower().strip(): column for column in reversed(columns)}
    for name in _USUAL_NAMES[kind]:
        if name in lower:
            return lower[name]
    raise UsageError(
        f"{location}: cannot tell which column holds the {kind} (the columns are {listed(columns)}); the first line "
        f"must name the columns (else --columns does), --{kind}-column says which"
    )


def _named_column(columns: Sequence[str], wanted: str, kind: str, location: SourceLocation) -> str:
    if wanted in columns:
        return wanted
    lower = {column.lower(): column for column in columns}
    near = get_close_matches(wanted.lower(), lower, n=1)
    hint = f"did you mean --{kind}-column {shown(lower[near[0]])}?" if near else f"name one with --{kind}-column"
    raise UsageError(f"{location}: no column {shown(wanted)} (the columns are {listed(columns)}); {hint}")


def listed(columns: Sequence[str]) -> str:
    """The first twenty columns, as an error lists them."""
    few = ", ".join(column if column.isprintable() and len(column) < 40 else shown(column) for column in columns[:20])
    return few if len(columns) <= 20 else f"{few} and {len(columns) - 20} more"
