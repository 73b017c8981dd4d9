"""Where something in a file is, and the error that says so."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass

from seqkit.errors import SeqkitError

_SHORT = reprlib.Repr()
_SHORT.maxstring = 80


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class DataError(SeqkitError):
    """Something in a data file is wrong.

    Args:
        message: what, and how to correct it.
        location: where.
        of_row: it is one row that is wrong, and others can be read without it; else the location is an example.
    """

    def __init__(self, message: str, location: SourceLocation | None = None, of_row: bool = True) -> None:
        self.location, self.of_row = location, of_row
        super().__init__(f"{location}: {message}" if location else message)


class Remark(str):
    """A note on what was decided for somebody, and is as it should be as a rule: nothing has to be mended."""

    __slots__ = ()


def shown(text: str) -> str:
    """Content of a file as an error quotes it: in quotes, on one line, shortened to 80 characters."""
    return _SHORT.repr(text)
