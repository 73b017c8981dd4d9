"""The weights of rows in a table, and sentences about the rows that are skipped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqkit.data.readers.location import DataError, SourceLocation, shown

LARGEST_WEIGHT = 1e30
"""A weight is below it: sums of larger ones overflow in float32."""


def parse_weight(text: str, column: str, location: SourceLocation) -> float:
    """The weight that a row has in a column; raises :class:`DataError` unless it is a number of 0 or more."""
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    # A comparison with NaN is false.
    if not 0 <= weight < LARGEST_WEIGHT:
        what = f"is {shown(text.strip())}" if text.strip() else "is empty"
        raise DataError(f"column {shown(column)} {what}, but a weight is a number of 0 or more; correct it", location)
    return weight


def all_weights_zero(column: str | None, path: Path) -> DataError:
    """The error for a file in which every weight is 0."""
    return DataError(f"{path}: every weight in column {shown(column or '')} is 0; give some rows a weight above 0")


def left_out(rows: Sequence[SourceLocation], why: str) -> Iterator[str]:
    """A sentence about the rows that were left out, if there are any."""
    if rows:
        count = f"1 row {why} was" if len(rows) == 1 else f"{len(rows):,} rows {why} were"
        yield f"{count} left out, the first at {rows[0]}"
