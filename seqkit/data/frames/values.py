"""Numbers and labels as people write them in tables, text files and streams."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import DataError, SourceLocation, shown

Labels = Sequence[tuple[SourceLocation, str]]
"""The label of each frame, and where it is"""

LARGEST = 1e30
"""A feature above it is treated as infinite: scaling takes squares, and float32 ends at 3.4e38."""
_MISSING = ("", "nan", "na")


def parse_number(text: str) -> float:
    """A feature from its text; NaN for one that is missing: an empty text, ``nan`` or ``na``.

    Raises :class:`DataError` for text that is not a number, and for one that is infinite or above 1e30.
    """
    plain = text.strip()
    if plain.lower() in _MISSING:
        return math.nan
    try:
        value = float(plain)
    except ValueError:
        value = None
    # Python reads 1_000 as a number, nobody else does.
    if value is None or "_" in plain:
        raise DataError(f"{shown(plain)} is not a number; correct it, or leave it empty if the value is missing")
    if not abs(value) <= LARGEST:
        raise DataError(f"{plain:.40} is infinite or too large; correct it, or leave it empty if the value is missing")
    return value


def parse_label(text: str, location: SourceLocation, several: bool = False) -> str:
    """The label of a frame; raises :class:`DataError` for an empty one, unless there may be several or none."""
    label = canonical(text.strip())
    if not label and not several:
        raise DataError("the frame has no label; give it one, or remove the frame", location)
    return label


def split_line(line: str) -> list[str]:
    """The values of a frame on a line: between semicolons if it has any, else between commas, tabs, or spaces."""
    separator = next((mark for mark in ";,\t" if mark in line), None)
    return [value.strip() for value in line.split(separator)]
