"""``seqkit new cell NAME`` and ``seqkit new task NAME``: a working skeleton with its test."""

from __future__ import annotations

from pathlib import Path

import click

from seqkit.commands.output import echo


@click.group()
def command() -> None:
    """Write a working cell or task to start from, with its test."""


_OUT = click.option("--out", default=".", metavar="FOLDER", help="Where to write. [this folder]")


@command.command(short_help="Write a gated cell and a test of its gradient.")
@click.argument("name")
@_OUT
def cell(name: str, out: str) -> None:
    """Write NAME.py, a gated cell with its equation, and test_NAME.py, which checks its gradient.

    NAME is in small letters: my-cell makes my_cell.py with the class MyCell.
    """
    from seqkit.commands.skeletons import write_cell

    written = write_cell(name, Path(out))
    echo(f"wrote {written.source} and {written.test}; try:")
    echo(f"  pytest {written.test}")
    echo(f"  seqkit kernels build --cell {written.source}:{written.title}")
    echo(f"  seqkit run sentiment --cell {written.source}:{written.title}")


@command.command(short_help="Write a task that labels texts and a test that trains it.")
@click.argument("name")
@_OUT
def task(name: str, out: str) -> None:
    """Write NAME.py, a task that labels texts, and test_NAME.py, which trains it on a few lines.

    NAME is in small letters: my-task makes my_task.py with the class MyTask.
    """
    from seqkit.commands.skeletons import write_task

    written = write_task(name, Path(out))
    echo(f"wrote {written.source} and {written.test}; try:")
    echo(f"  pytest {written.test}")
    echo(f"`seqkit run {name}` finds it in tasks/ of a checkout, or in an installed package")
    echo("that names it in its pyproject.toml:")
    echo(f'  [project.entry-points."seqkit.tasks"]\n  {name} = "{written.source.stem}:TASK"')
