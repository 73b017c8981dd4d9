"""``seqkit list``: topologies, tasks, heads, cells and data sets."""

from __future__ import annotations

import io
import sys
import textwrap
import typing
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqkit.tables import Table
    from seqkit.topologies import AnyTask


@click.command()
@click.argument("what", required=False, metavar="[tasks|heads|cells|data]")
def command(what: str | None) -> None:
    """Show the topologies with their tasks and heads, the cells, and the data sets.

    `seqkit list cells` shows their equations, `seqkit list data` what each data set is.
    """
    from seqkit.drawing.topologies import encodable
    from seqkit.errors import unknown

    parts = {"tasks": _topologies, "heads": _heads, "cells": _cells, "data": _data}
    if what is not None and what not in parts:
        raise unknown("list", what, parts)
    chosen = [parts[what]] if what else [_topologies, _cell_names]
    text = "\n".join(line for part in chosen for line in part()).strip("\n")
    click.echo(encodable(text, sys.stdout.encoding or "utf-8"))


def _topologies() -> Iterator[str]:
    from seqkit.drawing.topologies import LEGEND, TOPOLOGIES, beside

    tasks = _tasks()
    others = sorted({task.topology for task in tasks} - {*TOPOLOGIES})
    yield LEGEND
    for topology in (*TOPOLOGIES, *others):
        yield from ("", click.style(topology, bold=True))
        yield from beside(topology, [line for task in tasks if task.topology == topology for line in _facts(task)])


def _facts(task: AnyTask) -> Iterator[str]:
    """A task beside the drawing of its topology."""
    from seqkit.drawing.topologies import BESIDE

    def wrapped(text: str, indent: str) -> list[str]:
        return textwrap.wrap(text, BESIDE, initial_indent=indent, subsequent_indent=indent + "  ")

    yield from wrapped(f"{task.name}: {task.summary}", "")
    if head := _head(task):
        yield from wrapped(_import_line(head), "  ")
    if task.data_sets:
        yield from wrapped(f"data: {', '.join(task.data_sets)}, or yours", "  ")


def _heads() -> Iterator[str]:
    from seqkit.report.cells import summary

    heads: dict[type, list[str]] = {}
    for task in _tasks():
        if head := _head(task):
            heads.setdefault(head, []).append(task.name)
    for head, names in heads.items():
        yield from (click.style(_import_line(head), bold=True), *_indented(summary(head)))
        yield from (*_indented(f"made by: seqkit run {' or '.join(names)}"), "")


def _cells() -> Iterator[str]:
    from seqkit.cells import available_cells
    from seqkit.report.cells import describe

    for name, load in available_cells().items():
        title, *lines = describe(name, load())
        yield from (click.style(title, bold=True), *lines, "")


def _cell_names() -> Iterator[str]:
    from seqkit.cells import available_cells
    from seqkit.report.cells import summary
    from seqkit.tables import Table

    cells = {name: load() for name, load in available_cells().items()}
    rows = [
        [name, " ".join(kind.gate_names), " ".join(kind.state_names), summary(kind).partition(": ")[0]]
        for name, kind in cells.items()
    ]
    yield from _lines(Table("Cells", ["cell", "gates", "states", "what it is"], rows))
    yield from ("", "To train one: seqkit run TASK. More of them: seqkit list heads, cells or data")


def _data() -> Iterator[str]:
    from seqkit.tables import Table

    rows = [[task.name, name, about] for task in _tasks() for name, about in task.data_sets.items()]
    title = "Data sets (--data NAME; or your own file)"
    yield from _lines(Table(title, ["task", "data set", "what it is"], rows))


def _tasks() -> list[AnyTask]:
    from seqkit.runs import available_tasks

    return [load() for load in available_tasks().values()]


def _head(task: AnyTask) -> type | None:
    """The class of the head that a task makes: what its function says it returns, if it says so."""
    from seqkit.layers import Head

    try:
        found = typing.get_type_hints(task.build_head).get("return")
    except (TypeError, NameError):
        # A callable that is no function has no hints; a name may be known to type checkers alone.
        return None
    return found if isinstance(found, type) and issubclass(found, Head) and found is not Head else None


def _import_line(head: type) -> str:
    ours = head.__module__.startswith("seqkit.tasks.")
    return f"from {'seqkit.tasks' if ours else head.__module__} import {head.__name__}"


def _indented(text: str) -> Sequence[str]:
    from seqkit.tables import TERMINAL_WIDTH as WIDTH

    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _lines(table: Table) -> list[str]:
    from seqkit.commands.terminal import print_tables

    stream = io.StringIO()
    print_tables([table], stream)
    return [line.rstrip() for line in stream.getvalue().splitlines()]
