"""Which column of a table holds the texts, which the labels, and which the weights."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

from seqkit.data.normal_forms import canonical
from seqkit.data.readers.location import SourceLocation, shown
from seqkit.data.readers.tables import twin
from seqkit.errors import UsageError

_PLURALS = ("labels", "tags", "categories", "topics", "classes")
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
    "label": ["label", "sentiment", "class", "category", "target", "rating", "stars", "tag", "y", *_PLURALS],
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
        f"{location}: cannot tell which column holds the {kind} (the columns are {listed(columns)}); name it with "
        f"--{kind}-column, or all columns with --columns if the first line has no names"
    )


def choose_text_columns(columns: Sequence[str], wanted: str | None, location: SourceLocation) -> tuple[str, ...]:
    """The column of the text, or the two that ``--text-column first,second`` names.

    A column whose own name has a comma is taken whole. Raises :class:`UsageError` as :func:`choose_column` does, and
    for more than two names.
    """
    names = split_names(columns, wanted)
    if len(names) > 2:
        raise UsageError(f"{location}: --text-column names {len(names)} columns; name one, or two to be compared")
    if len(names) < 2:
        return (choose_column(columns, wanted, "text", location),)
    return tuple(choose_column(columns, name, "text", location) for name in names)


def split_names(columns: Sequence[str], wanted: str | None) -> list[str]:
    """The names of columns that an option lists with commas between; one that is a column as it stands is one name."""
    if wanted is None or wanted in columns:
        return []
    return [name.strip() for name in wanted.split(",") if name.strip()]


def _named_column(columns: Sequence[str], wanted: str, kind: str, location: SourceLocation) -> str:
    if wanted in columns:
        return wanted
    same = [column for column in columns if canonical(column) == canonical(wanted)]
    if same:
        return same[0]
    lower = {column.lower(): column for column in columns}
    near = get_close_matches(wanted.lower(), lower, n=1)
    hint = f"did you mean --{kind}-column {shown(lower[near[0]])}?" if near else f"name one with --{kind}-column"
    raise UsageError(f"{location}: no column {shown(wanted)} (the columns are {listed(columns)}); {hint}")


def listed(columns: Sequence[str]) -> str:
    """The first twenty columns, as an error lists them."""
    few = ", ".join(column if column.isprintable() and len(column) < 40 else shown(column) for column in columns[:20])
    return few if len(columns) <= 20 else f"{few} and {len(columns) - 20} more"
