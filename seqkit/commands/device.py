"""The option that says where a model computes, for the commands that open a run."""

from __future__ import annotations

import click

device_option = click.option(
    "--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps. [the run's own, else what is there]"
)
