"""Tables that a run shows at its end, on the terminal and in its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

TERMINAL_WIDTH = 80
"""Columns that everything printed fits in."""


class Table(NamedTuple):
    """A title, the names of the columns, and rows of cells; cells that are numbers are aligned to the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
