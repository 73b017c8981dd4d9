"""``seqkit list``: topologies, tasks, cells and data sets."""

from __future__ import annotations

import click

_WHAT = ("tasks", "cells", "data")


@click.command()
@click.argument("what", required=False, metavar="[tasks|cells|data]")
def command(what: str | None) -> None:
    """Show the topologies with their tasks, the cells, and the data sets."""
    from seqkit.cells import available_cells
    from seqkit.errors import unknown
    from seqkit.report.terminal import print_tables
    from seqkit.runs import available_tasks
    from seqkit.training import Table

    if what is not None and what not in _WHAT:
        raise unknown("list", what, _WHAT)
    tasks = [load() for load in available_tasks().values()]
    cells = {name: load() for name, load in available_cells().items()}
    described = [[name, " ".join(c.gate_names), " ".join(c.state_names), _first(c)] for name, c in cells.items()]
    tables = {
        "tasks": Table(
            "Tasks", ["topology", "task", "what it learns"], [[t.topology, t.name, t.summary] for t in tasks]
        ),
        "cells": Table("Cells", ["cell", "gates", "states", "what it is"], described),
        "data": Table(
            "Data sets (--data NAME; or your own file)",
            ["task", "data set", "what it is"],
            [[t.name, name, about] for t in tasks for name, about in t.data_sets.items()],
        ),
    }
    print_tables([tables[what]] if what else list(tables.values()))


def _first(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0].rstrip(".")
