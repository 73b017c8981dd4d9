"""Columns of a table of frames that say when a frame was, or which it is: an index, and no feature.

A model that read them would know the time of the day, or how far the recording is, and nothing of what is measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_INDEX = {"time", "times", "timestamp", "datetime", "date", "clock", "t", "frame", "index", "step", "sample", "epoch"}
"""Words that name an index ..."""
_UNITS = {
    "s",
    "ms",
    "us",
    "ns",
    "sec",
    "seconds",
    "milliseconds",
    "utc",
    "unix",
    "local",
    "start",
    "number",
    "no",
    "nr",
}
"""... and those that stand beside one"""
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?"
_TIME = re.compile(rf"(\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}([T ]+{_CLOCK} ?(Z|UTC|[+-]\d{{2}}:?\d{{2}})?)?|{_CLOCK})")


class FeatureColumns(NamedTuple):
    """Which columns of a table are features; without any named, all that are neither ignored nor an index."""

    used: str | None = None
    """Names with commas between"""
    ignored: str | None = None
    """The same"""


ALL_COLUMNS = FeatureColumns()


def index_columns(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> tuple[str, ...]:
    """Of the columns, those that are an index.

    These are dates and times of the clock, whatever they are called, and numbers that grow with every row under a name
    such as ``time``, ``t`` or ``frame``.
    """
    return tuple(column for column in columns if _is_index(column, [row[column].strip() for row in rows]))


def _is_index(name: str, values: Sequence[str]) -> bool:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return all(_TIME.fullmatch(value) for value in values)
    return names_index(name) and len(numbers) > 2 and all(a < b for a, b in pairwise(numbers))


def names_index(name: str) -> bool:
    """Whether a column of growing numbers with that name is an index."""
    words = {*re.findall(r"[^\W\d_]+", name.lower())}
    return bool(words & _INDEX) and words <= _INDEX | _UNITS
