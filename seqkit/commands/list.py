"""``seqkit list``: topologies, tasks, heads, cells and data sets."""

from __future__ import annotations

import io
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqkit.tables import Table
    from seqkit.topologies import AnyTask


@click.command()
@click.argument("what", required=False, metavar="[tasks|heads|cells|data]")
@click.argument("name", required=False)
def command(what: str | None, name: str | None) -> None:
    """Show the topologies with their tasks and heads, the cells, and the data sets.

    `seqkit list cells lstm` shows the equations of a cell, its parameters, when to use it and its source; FILE.py:CLASS
    works in place of its name. `seqkit list data` shows what each data set is.
    """
    from seqkit.drawing.topologies import encodable
    from seqkit.errors import UsageError, unknown

    lists: dict[str, Callable[[], Iterator[str]]] = {
        "tasks": _topologies,
        "heads": _heads,
        "cells": _cells,
        "data": _data,
    }
    if what is not None and what not in lists:
        raise unknown("list", what, lists)
    if name is not None and what != "cells":
        raise UsageError(f"only cells are shown one at a time; leave {name!r} out")
    chosen = [lists[what]] if what else [_topologies, _cells]
    if name is not None:
        chosen = [partial(_cell, name)]
    text = "\n".join(line for lines in chosen for line in lines()).strip("\n")
    click.echo(encodable(text, sys.stdout.encoding or "utf-8"))


def _topologies() -> Iterator[str]:
    from seqkit.drawing.topologies import LEGEND, TOPOLOGIES, beside

    tasks = _tasks()
    others = sorted({task.topology for task in tasks} - {*TOPOLOGIES})
    yield LEGEND
    for topology in (*TOPOLOGIES, *others):
        yield from ("", click.style(topology, bold=True))
        own = [task for task in tasks if task.topology == topology]
        yield from beside(topology, [line for task in own for line in _facts(task, tasks)])


def _facts(task: AnyTask, tasks: Sequence[AnyTask]) -> Iterator[str]:
    """A task, one of all ``tasks``, beside the drawing of its topology."""
    from seqkit.drawing.topologies import BESIDE

    def wrapped(text: str, indent: str) -> list[str]:
        return textwrap.wrap(text, BESIDE, initial_indent=indent, subsequent_indent=indent + "  ")

    yield from wrapped(f"{task.name}: {task.summary}", "")
    for head in _head_classes(task)[:1]:
        yield from wrapped(_import_line(head, [task, *tasks]), "  ")
    if task.data_sets:
        yield from wrapped(f"data: {', '.join(task.data_sets)}, or yours", "  ")


def _heads() -> Iterator[str]:
    from seqkit.report.cells import summary

    tasks_of: dict[type, list[AnyTask]] = {}
    for task in _tasks():
        for head in _head_classes(task):
            tasks_of.setdefault(head, []).append(task)
    for head, tasks in tasks_of.items():
        yield from (click.style(_import_line(head, tasks), bold=True), *_indented(summary(head)))
        yield from (*_indented(f"made by: seqkit run {' or '.join(task.name for task in tasks)}"), "")


def _cells() -> Iterator[str]:
    """The names of all cells by family."""
    from seqkit.report.cells import families, family_text

    yield ""
    for name, kinds in families().items():
        title, _, about = family_text(name)[0].partition(": ")
        yield from (click.style(f"Cells: {title.lower()}", bold=True), *_indented(about), *_indented("  ".join(kinds)))
    yield from ("", "About one: seqkit list cells NAME. To train it: seqkit run TASK --cell NAME")


def _cell(name: str) -> Iterator[str]:
    from seqkit.cells import cell_class, named_cell
    from seqkit.report.cells import describe

    title, *lines = describe(name, cell_class(named_cell(name)))
    yield from (click.style(title, bold=True), *lines)


def _data() -> Iterator[str]:
    from seqkit.tables import Table

    rows = [[task.name, name, about] for task in _tasks() for name, about in task.data_sets.items()]
    title = "Data sets (--data NAME; or your own file)"
    yield from _lines(Table(title, ["task", "data set", "what it is"], rows))


def _tasks() -> list[AnyTask]:
    from seqkit.runs import available_tasks

    return [load() for load in available_tasks().values()]


def _head_classes(task: AnyTask) -> list[type]:
    """The classes of the heads that a task builds: what its method says it returns, if it says so."""
    from seqkit.layers import Head

    try:
        hint = typing.get_type_hints(task.build_head).get("return")
    except (TypeError, NameError):
        # A callable that is not a function has no hints; a name may be known to type checkers alone.
        return []
    if isinstance(hint, typing.TypeVar):
        hint = hint.__bound__
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Head) and kind is not Head]


def _import_line(head: type, tasks: Sequence[AnyTask]) -> str:
    """How the head is imported: under the name that the first of the tasks whose module exports it has for it.

    A task may have a name of its own for the head of its topology: ``SentimentHead`` for ``ClassificationHead``.
    """
    for kind in (kind for task in tasks for kind in type(task).__mro__):
        module = sys.modules.get(kind.__module__)
        for name in getattr(module, "__all__", ()):
            if getattr(module, name) is head:
                ours = kind.__module__.startswith("seqkit.tasks.")
                return f"from {'seqkit.tasks' if ours else kind.__module__} import {name}"
    return f"from {head.__module__} import {head.__name__}"


def _indented(text: str) -> Sequence[str]:
    from seqkit.tables import TERMINAL_WIDTH as WIDTH

    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _lines(table: Table) -> list[str]:
    from seqkit.commands.terminal import print_tables

    stream = io.StringIO()
    print_tables([table], stream)
    return [line.rstrip() for line in stream.getvalue().splitlines()]
