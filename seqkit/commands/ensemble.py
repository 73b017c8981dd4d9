"""``seqkit ensemble RUN RUN …``: several runs as one."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from seqkit.commands.output import echo

if TYPE_CHECKING:
    from seqkit.runs import RunOutcome
    from seqkit.runs.ensemble import Ensemble
    from seqkit.tables import Table


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", metavar="FOLDER", help="Folder of the ensemble. [runs/ensemble-N]")
def command(runs: tuple[str, ...], out: str | None) -> None:
    """Combine several runs into one that predicts the average of their predictions.

    The runs need the same task and the same labels or output symbols. The ensemble is a folder with a copy of each;
    predict, evaluate, report, export and generate accept it like any run. If the runs share a test split, the ensemble
    is scored on it.
    """
    from seqkit.commands.terminal import Reporter
    from seqkit.runs.ensemble import make_ensemble, score_ensemble
    from seqkit.runs.places import next_free

    reporter, notes = Reporter(), list[str]()
    folder = Path(out) if out else next_free(Path("runs"), "ensemble")
    ensemble = make_ensemble([Path(run) for run in runs], folder, notes)
    for note in notes:
        reporter.prose(f"note: {note}")
    reporter.line(f"{ensemble.model.task.name}: {len(runs)} members in {folder}")
    if ensemble.splits is not None:
        reporter.line("scoring the ensemble and the baseline on the test split that all members share")
        _show(ensemble, score_ensemble(ensemble))
    echo(f'The ensemble is in {folder}; try:\n  seqkit predict {quote(str(folder))} "…"')


def _show(ensemble: Ensemble, outcome: RunOutcome) -> None:
    from seqkit.commands.terminal import print_tables, print_verdict
    from seqkit.files import json_bytes
    from seqkit.report.findings import gather
    from seqkit.report.page import write_report

    assert ensemble.splits is not None
    run, content = ensemble.run, json_bytes(gather(ensemble.model, ensemble.splits, outcome))
    with run.writing():
        run.replace_file(run.findings.name, content, run.read_facts())
    report = write_report(run.path)
    print_verdict(outcome.results.get("verdict"), run.path)
    print_tables([_score_table(outcome), *outcome.tables])
    echo(f"\nIts report: {report}")


def _score_table(outcome: RunOutcome) -> Table:
    from seqkit.tables import Table

    results = outcome.results
    members = [member["test"] for member in results["members"]]
    rows = []
    for name, value in results["test"].items():
        scores = [member[name] for member in members if name in member]
        average = sum(scores) / len(scores) if scores else ""
        rows.append([name.replace("_", "-"), value, average, results["baseline"].get(name, "")])
    return Table(f"{results['task']}: test split", ["", "ensemble", "a member, on average", "baseline"], rows)
