"""``seqkit kernels``: the native kernels of this machine."""

from __future__ import annotations

import click

from seqkit.commands.output import echo


@click.group()
def command() -> None:
    """Build, show or delete the native kernels."""


@command.command()
@click.option("--cell", "cells", multiple=True, metavar="NAME|FILE.py:CLASS", help="A cell to compile. Repeatable.")
@click.option("--show", is_flag=True, help="Print the C++ of the cells instead of building them.")
def build(cells: tuple[str, ...], show: bool) -> None:
    """Build the kernels for this machine, if they are not built yet.

    With --cell those of your own cells are built, too; a file named there is executed as Python to find its class.
    """
    from seqkit.cells import make_cell, named_cell
    from seqkit.kernels.build import build as build_library
    from seqkit.kernels.compiled import ensure_cells, translate

    made = [make_cell(named_cell(cell)) for cell in cells]
    if show:
        echo(translate(made).source.text)
        return
    echo(f"ready: {build_library(lambda line: echo(line, err=True))}")
    for cell in made:
        if not ensure_cells([cell], lambda line: echo(line, err=True)):
            raise SystemExit(1)
        echo(f"ready: {cell!r}")


@command.command()
def status() -> None:
    """Show which kernel would run here, and where it is."""
    from seqkit.kernels.build import built, cache_folder

    path = built()
    echo(f"native: {path}" if path else "native: not built; build it with: seqkit kernels build")
    echo(f"builds are kept in {cache_folder()}")
    echo(f"auto takes {'native' if path else 'aten'} for float32 on a CPU, cudnn or fused on an NVIDIA GPU")


@command.command()
def clear() -> None:
    """Delete every build."""
    from seqkit.kernels.build import cache_folder
    from seqkit.kernels.build import clear as clear_builds

    count = clear_builds()
    echo(f"deleted {count} {'build' if count == 1 else 'builds'} in {cache_folder()}")
