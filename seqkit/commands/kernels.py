"""``seqkit kernels``: the native kernels of this machine."""

from __future__ import annotations

import click

from seqkit.commands.output import echo


@click.group()
def command() -> None:
    """Build, show or delete the native kernels."""


@command.command()
@click.option("--cell", "cells", multiple=True, metavar="NAME|FILE.py:CLASS", help="a cell to compile; repeatable")
@click.option("--show", is_flag=True, help="print the C++ of the cells instead of building them")
def build(cells: tuple[str, ...], show: bool) -> None:
    """Build the kernels for this machine, unless that is done already, and those of cells of your own.

    A file that is named with --cell is run as Python, to get at its class.
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
    """Show which kernel would run here, and where the build lies."""
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
