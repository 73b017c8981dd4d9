"""``seqkit resume RUN``: go on with a run that was stopped."""

from __future__ import annotations

import time
from pathlib import Path

import click


@click.command()
@click.argument("run")
def command(run: str) -> int:
    """Go on with a run that was stopped, to the very weights it would have had."""
    from seqkit.commands.training import build_kernels, drive
    from seqkit.runs import RunDirectory, resume

    folder, facts = RunDirectory.open(Path(run))
    if folder.results.exists():
        click.echo(f"{run} is finished; nothing to resume. Its scores: seqkit evaluate {run}", err=True)
        return 0
    if facts.get("native"):
        build_kernels("native")
    began, notes = time.perf_counter(), list[str]()
    session = resume(Path(run), notes)
    return drive(session, notes, began)
