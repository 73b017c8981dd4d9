"""``seqkit kernels``: the native kernels of this machine."""

from __future__ import annotations

import click

from seqkit.commands.output import echo


@click.group()
def command() -> None:
    """Build, show or delete the native kernels."""


@command.command()
def build() -> None:
    """Build the kernels for this machine, unless that is done already."""
    from seqkit.kernels.build import build as build_library

    echo(f"ready: {build_library(lambda line: echo(line, err=True))}")


@command.command()
def status() -> None:
    """Show which kernel would run here, and where the build lies."""
    from seqkit.kernels.build import built, cache_folder

    path = built()
    echo(f"native: {path}" if path else "native: not built; build it with: seqkit kernels build")
    echo(f"builds are kept in {cache_folder()}")
    echo(f"auto takes {'native' if path else 'aten'} for float32 on a CPU, aten elsewhere")


@command.command()
def clear() -> None:
    """Delete every build."""
    from seqkit.kernels.build import cache_folder
    from seqkit.kernels.build import clear as clear_builds

    count = clear_builds()
    echo(f"deleted {count} {'build' if count == 1 else 'builds'} in {cache_folder()}")
