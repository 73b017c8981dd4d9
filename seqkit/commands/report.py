"""``seqkit report RUN``: rebuild a run's report page."""

from __future__ import annotations

from pathlib import Path

import click

from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option
from seqkit.commands.output import echo


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--mistakes", metavar="N", type=click.IntRange(1), help="List N of the worst mistakes. [5]")
@cell_option
def command(run: str, mistakes: int | None, cell: str | None) -> None:
    """Rebuild report.html and the model card, card.md, of a finished run from the files of the run.

    The data are read only where the run has no report.json. What was filled in at the end of the card stays.
    """
    from seqkit.report.page import write_report

    echo(write_report(Path(run), cell, mistakes))
