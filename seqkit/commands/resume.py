"""``seqkit resume RUN``: go on with a run that was stopped."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run")
def command(run: str) -> int:
    """Go on with a run that was stopped, to the very weights it would have had."""
    from seqkit.commands.training import train
    from seqkit.runs import RunDirectory, resume

    folder, facts = RunDirectory.open(Path(run))
    if folder.results.exists():
        click.echo(f"{run} is finished; nothing to resume. Its scores: seqkit evaluate {run}", err=True)
        return 0
    # A run that began with torch's kernels goes on with them: no need to wait for a build.
    return train("native" if facts.get("native") else "torch", lambda notes: resume(Path(run), notes))
