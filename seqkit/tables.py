"""Tables, as the terminal and the pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

TERMINAL_WIDTH = 80
"""Columns; everything that is printed fits in them."""


class Table(NamedTuple):
    """A title, the names of the columns, and rows of cells; cells that are numbers are aligned to the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
