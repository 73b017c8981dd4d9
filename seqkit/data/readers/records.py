"""The rows of a table, whatever file they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seqkit.data.readers.json_lines import as_text
from seqkit.data.readers.location import DataError, SourceLocation, shown


class Row(dict[str, str]):
    """Column name to value; asking for a column that this row lacks raises :class:`DataError` with its location."""

    def __init__(self, values: Mapping[str, str], location: SourceLocation) -> None:
        super().__init__(values)
        self.location = location

    def __missing__(self, column: str) -> str:
        raise DataError(f"no key {shown(column)}, which other rows have; correct the row", self.location)


class Record(NamedTuple):
    """One row: column name to value, and where the row starts."""

    location: SourceLocation
    values: Row


def json_row(values: Mapping[str, object], location: SourceLocation) -> Row:
    """An object of JSON as a row; raises :class:`DataError` for what a text file could not hold."""
    return Row({as_text(key, location): as_text(value, location) for key, value in values.items()}, location)
