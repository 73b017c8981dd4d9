"""Options of the commands that open a run: where its model computes, and which file has its cell, how it multiplies."""

from __future__ import annotations

import click

device_option = click.option(
    "--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps. [the run's own if available]"
)

precision_option = click.option(
    "--precision", metavar="NAME", help="Of recurrent layers' products: f32, bf16 or int8. [the run's own]"
)

cell_option = click.option(
    "--cell-file", "cell", metavar="FILE.py:CLASS", help="The run's cell, if it is your own; the file is executed."
)
