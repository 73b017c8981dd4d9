"""``seqkit resume RUN``: resume a run that was stopped, or give one more epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option, device_option
from seqkit.commands.log_option import log_option
from seqkit.commands.output import echo
from seqkit.commands.processes import called
from seqkit.errors import UsageError
from seqkit.files import read_json

if TYPE_CHECKING:
    from seqkit.runs import RunDirectory
    from seqkit.training.distributed import Processes


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--epochs", metavar="INT", type=int, help="Train until the run has had this many epochs in total.")
@click.option("--profile", is_flag=True, help="Show where the time of a step goes, and write a trace.")
@log_option
@device_option
@cell_option
def command(
    run: str, epochs: int | None, profile: bool, trackers: tuple[str, ...], device: str | None, cell: str | None
) -> int:
    """Resume a stopped run; it ends with exactly the weights an uninterrupted run would have.

    With --epochs a finished run is trained further and scored again.
    """
    from seqkit.commands.profile import profiled
    from seqkit.training.distributed import joined

    with joined({"command": called("resume", run, epochs, "--profile" if profile else None, device)}) as processes:
        noting = profiled(processes, device or "auto") if profile else processes
        return _resume(Path(run), epochs, device, cell, noting, trackers)


def _resume(
    path: Path,
    epochs: int | None,
    device: str | None,
    cell: str | None,
    processes: Processes,
    trackers: Sequence[str],
) -> int:
    from seqkit.commands.training import open_trackers, train
    from seqkit.runs import RunDirectory, resume
    from seqkit.runs.extension import extend
    from seqkit.runs.follower import follow_again
    from seqkit.runs.model import is_ensemble

    if processes.first:
        if epochs is not None:
            extend(path, epochs, cell)
        folder, facts = RunDirectory.open(path)
        if not is_ensemble(facts):
            _check_shards(folder, processes)
    # The others open the folder when the first one is done with it.
    if processes.share(b"finished" if processes.first and folder.results.exists() else b""):
        if processes.first:
            _complete(folder, facts, device, cell)
            name = quote(str(path))
            echo(f"{path} is finished; nothing to resume. Its scores: seqkit evaluate {name}", err=True)
            # An ensemble is never trained.
            if not is_ensemble(facts):
                echo(f"To train further: seqkit resume {name} --epochs {_more(folder)}", err=True)
        return 0
    _, facts = RunDirectory.open(path)
    # A run that began with torch's kernels continues with them: no need to wait for a build.
    kernel = "native" if facts.get("native") else "torch"
    if processes.first:
        logs = open_trackers(trackers, path)
        return train(kernel, lambda notes: resume(path, notes, device, processes, cell), processes, logs)
    return train(kernel, lambda notes: follow_again(path, device, processes, cell), processes)


def _check_shards(folder: RunDirectory, processes: Processes) -> None:
    """Raises :class:`UsageError` where processes cannot share what the run computes in one piece."""
    from seqkit.config import read_toml
    from seqkit.training.shards import check_shards

    shards = read_toml(folder.config).get("shards", 0)
    if shards:
        check_shards(shards, processes.size)
    elif processes.size > 1:
        raise UsageError(
            f"{folder.path} began without shards, so one process continues it: seqkit resume {quote(str(folder.path))}"
        )


def _complete(run: RunDirectory, facts: dict[str, Any], device: str | None, cell: str | None) -> None:
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
    if {*missing} <= {run.report.name, run.card.name} or is_ensemble(facts):
        write_report(run.path, cell)
    else:
        session = resume(run.path, [], device, cell=cell)
        with session.run.writing():
            write_findings(session, session.make_again(missing), [], Reporter())
    made = [name for name in missing if (run.path / name).exists()]
    echo(f"made what was missing: {', '.join(made)}", err=True)


def _more(folder: RunDirectory) -> int:
    """Half as many epochs again."""
    from seqkit.runs.schemas import RESULTS

    epochs: int = read_json(folder.results, {**RESULTS, "epochs": int})["epochs"]
    return epochs + max(1, epochs // 2)
