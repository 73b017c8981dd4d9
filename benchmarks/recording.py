"""The picture of a terminal in the README: what ``seqkit run sentiment`` prints, as SVG.

python -m benchmarks.recording docs/pictures/terminal.svg --keep RUN
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from html import escape
from itertools import takewhile
from pathlib import Path

import click

from seqkit.files import write_atomic

_COMMAND, _RUN = "seqkit run sentiment", "runs/sentiment-1"
_LAST = "Labels"
"""What follows this line is left out: the picture is to be read at a glance."""
_LINE, _LETTER, _MARGIN = 19, 8.4, 18
"""Height of a line, width of a letter of 14 pixels, and the space around the text, in pixels."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keep", type=click.Path(path_type=Path), help="A new folder for the run, for benchmarks.screenshots.")
def main(file: Path, keep: Path | None) -> None:
    """Trains the default model, about twenty seconds on a quiet machine, and writes the picture to FILE."""
    write_atomic(file, terminal_svg([f"$ {_COMMAND}", *_shown(keep)]).encode())


def _shown(keep: Path | None) -> Iterator[str]:
    """The lines of a run, in the order in which they come."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", *_COMMAND.split(), "--out", _RUN],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        if keep is not None:
            shutil.copytree(Path(folder) / _RUN, keep)
    return takewhile(lambda line: line != _LAST, done.stdout.rstrip().split("\n"))


def terminal_svg(lines: Iterable[str]) -> str:
    """Lines of text as they stand in a terminal; those that begin with ``$`` are what was typed."""
    shown = list(lines)
    while shown and not shown[-1]:
        shown.pop()
    wide = max(len(line) for line in shown) * _LETTER + 2 * _MARGIN
    high = len(shown) * _LINE + 2 * _MARGIN
    texts = "".join(
        f'<text x="{_MARGIN}" y="{_MARGIN + number * _LINE + 14}"{_style(line)}>{_spaced(line)}</text>\n'
        for number, line in enumerate(shown)
        if line
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}" width="{wide:.0f}" height="{high}" '
        'role="img" aria-label="a terminal" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" '
        f'fill="#d6dae0">\n<rect width="{wide:.0f}" height="{high}" rx="8" fill="#1b1f27"/>\n'
        f"{texts}</svg>\n"
    )


def _spaced(line: str) -> str:
    """No-break spaces: of several others a picture shows one."""
    return escape(line).replace(" ", "\N{NO-BREAK SPACE}")


def _style(line: str) -> str:
    if line.startswith("$"):
        return ' fill="#ffffff" font-weight="bold"'
    return ' fill="#7ee0a1"' if line.startswith("Better than") else ""


if __name__ == "__main__":
    main()
