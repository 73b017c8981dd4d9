"""The rows of a table, whatever file they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seqkit.data.readers.json_lines import as_text
from seqkit.data.readers.location import DataError, SourceLocation, shown


class FileForm(NamedTuple):
    """How a file is written, where it does not say so itself."""

    encoding: str | None = None
    """Of the text; None: UTF-8, or what its byte order mark says"""
    columns: tuple[str, ...] = ()
    """The names of a table's columns, where its first line names none"""


def file_form(encoding: str | None, columns: str | None) -> FileForm:
    """The form that options say: names of columns have commas between."""
    return FileForm(encoding, tuple(name.strip() for name in (columns or "").split(",") if name.strip()))


PLAIN = FileForm()
"""A file that says all of itself"""


class Row(dict[str, str]):
    """Column name to value; asking for a column that this row lacks raises :class:`DataError` with its location.

    Args:
        values: those of the columns that have a name.
        location: where the row begins.
        header: what the file calls the columns, those without a name among them; None: the keys.
        fields: all that the row has.
    """

    def __init__(
        self,
        values: Mapping[str, str] | Iterable[tuple[str, str]],
        location: SourceLocation,
        header: Sequence[str] | None = None,
        fields: Sequence[str] = (),
    ) -> None:
        dict.__init__(self, values)
        self.location, self._header, self._fields = location, header, fields

    @property
    def header(self) -> list[str]:
        """The names as the file has them, for whoever writes the table again."""
        return list(self) if self._header is None else list(self._header)

    @property
    def cells(self) -> list[str]:
        """What stands under :attr:`header`."""
        return list(self.values()) if self._header is None else list(self._fields[: len(self._header)])

    def __missing__(self, column: str) -> str:
        raise DataError(f"no key {shown(column)}, which other rows have; correct the row", self.location)


class Record(NamedTuple):
    """One row: column name to value, and where the row starts."""

    location: SourceLocation
    values: Row


def json_row(values: Mapping[str, object], location: SourceLocation) -> Row:
    """An object of JSON as a row; raises :class:`DataError` for what a text file could not hold."""
    return Row({as_text(key, location): as_text(value, location) for key, value in values.items()}, location)
