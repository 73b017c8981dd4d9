"""Options of the commands that open a run: where its model computes, and which file has its cell."""

from __future__ import annotations

import click

device_option = click.option(
    "--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps. [the run's own if available]"
)

cell_option = click.option(
    "--cell-file", "cell", metavar="FILE.py:CLASS", help="The run's cell, if it is your own; the file is executed."
)
