"""``seqkit resume RUN``: resume a run that was stopped, or give one more epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.completion import complete_runs
from seqkit.commands.device import device_option
from seqkit.commands.output import echo
from seqkit.files import read_json

if TYPE_CHECKING:
    from seqkit.runs import RunDirectory


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--epochs", metavar="INT", type=int, help="Train until the run has had this many epochs in total.")
@device_option
def command(run: str, epochs: int | None, device: str | None) -> int:
    """Resume a run that was stopped, to the very weights it would have had.

    With --epochs a finished run goes on, too; its scores are made anew.
    """
    from seqkit.commands.training import train
    from seqkit.runs import RunDirectory, resume
    from seqkit.runs.extension import extend
    from seqkit.runs.model import is_ensemble

    if epochs is not None:
        extend(Path(run), epochs)
    folder, facts = RunDirectory.open(Path(run))
    if folder.results.exists():
        _complete(folder, facts, device)
        echo(f"{run} is finished; nothing to resume. Its scores: seqkit evaluate {run}", err=True)
        # An ensemble is never trained.
        if not is_ensemble(facts):
            echo(f"To train on: seqkit resume {run} --epochs {_more(folder)}", err=True)
        return 0
    # A run that began with torch's kernels goes on with them: no need to wait for a build.
    return train("native" if facts.get("native") else "torch", lambda notes: resume(Path(run), notes, device))


def _complete(run: RunDirectory, facts: dict[str, Any], device: str | None) -> None:
    """Makes what a finished run should have and has not: it was killed, or somebody has deleted it."""
    from seqkit.commands.terminal import Reporter
    from seqkit.commands.training import write_findings
    from seqkit.report.page import write_report
    from seqkit.runs import resume
    from seqkit.runs.model import is_ensemble

    run.settle()
    run.check_found(facts)
    missing = run.missing(facts)
    if not missing:
        return
    if {*missing} == {run.report.name} or is_ensemble(facts):
        write_report(run.path)
    else:
        session = resume(run.path, [], device)
        with session.run.writing():
            write_findings(session, session.make_again(missing), [], Reporter())
    made = [name for name in missing if (run.path / name).exists()]
    echo(f"made what was missing: {', '.join(made)}", err=True)


def _more(folder: RunDirectory) -> int:
    """Half as many epochs again."""
    from seqkit.runs.schemas import RESULTS

    epochs: int = read_json(folder.results, {**RESULTS, "epochs": int})["epochs"]
    return epochs + max(1, epochs // 2)
