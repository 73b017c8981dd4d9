"""What commands print: text of others with visible control characters, so that no file steers a terminal."""

from __future__ import annotations

import io
import sys
from typing import Any, TextIO, cast

import click

from seqkit.signs import as_signs


def echo(message: Any = "", nl: bool = True, err: bool = False) -> None:
    """Prints a sentence, which may hold names, labels and texts of others, wherever it goes."""
    click.echo(as_signs(message), nl=nl, err=err)


def echo_data(text: str) -> None:
    """Prints data: as they are to a file or a pipe, with signs to a terminal."""
    click.echo(as_signs(text) if sys.stdout.isatty() else text)


def data_stream() -> TextIO:
    """Standard output for data: what is written arrives as it is in a file or a pipe, with signs on a terminal."""
    return cast(TextIO, _OnTerminal(sys.stdout)) if sys.stdout.isatty() else sys.stdout


class _OnTerminal(io.TextIOBase):
    """A terminal that shows control characters as visible symbols."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def write(self, text: str, /) -> int:
        self._terminal.write(as_signs(text))
        return len(text)

    def flush(self) -> None:
        self._terminal.flush()
