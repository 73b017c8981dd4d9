"""``seqkit runs``: the runs of a folder, and deleting some."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqkit.cells import cell_label
from seqkit.commands.completion import complete_runs
from seqkit.commands.output import echo
from seqkit.errors import UsageError
from seqkit.signs import as_signs
from seqkit.tables import TERMINAL_WIDTH

if TYPE_CHECKING:
    from seqkit.runs.listing import RunSummary


_INDENT: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "  "}


class _FolderGroup(click.Group):
    """A group whose first word may be a folder, which is listed."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Without the name of a command, the arguments are those of the list."""
        if not args or (args[0] not in self.commands and args[0] not in context.help_option_names):
            args = ["list", *args]
        return super().parse_args(context, args)


@click.group(cls=_FolderGroup, subcommand_metavar="[FOLDER] | rm RUN …")
def command() -> None:
    """List the runs of a folder (default: `runs`), the latest last; or delete some."""


@command.command("list")
@click.argument("folder", default="runs")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, with all details.")
def list_command(folder: str, as_json: bool) -> None:
    """List the runs of a folder with their scores, sizes and states."""
    from seqkit.runs.listing import list_runs

    found = list_runs(Path(folder))
    if as_json:
        for run in found:
            echo(_json_line(run))
    elif found:
        _print(found)
    else:
        echo(f"No runs in {folder}; seqkit run TASK makes one.")


@command.command("rm")
@click.argument("runs", nargs=-1, required=True, shell_complete=complete_runs)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_command(runs: tuple[str, ...], yes: bool) -> None:
    """Delete runs, with their models; asks first."""
    from seqkit.runs.listing import check_is_run, remove_run

    for run in runs:
        check_is_run(Path(run))
    if not yes and not _agreed(f"Delete {', '.join(runs)} and everything in {_them(runs)}?"):
        raise UsageError("nothing was deleted")
    for run in runs:
        echo(f"deleted {run}, {_megabytes(remove_run(Path(run)))} MB")


def _agreed(question: str) -> bool:
    """What a person answers; raises :class:`UsageError` where nobody can, as standard input is closed or at its end."""
    nobody = UsageError("nothing was deleted, as nobody answers; to delete without a question, add --yes")
    if sys.stdin is None:
        raise nobody
    try:
        return click.confirm(question, err=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, EOFError):
            echo(err=True)
            raise nobody from None
        raise


def _them(runs: tuple[str, ...]) -> str:
    return "it" if len(runs) == 1 else "them"


def _print(found: list[RunSummary]) -> None:
    """Two lines for each run, so that names and numbers are never cut."""
    for run in found:
        size = f"{run.when}, {_megabytes(run.size)} MB"
        name = click.style(as_signs(str(run.path)), bold=True)
        gap = " " * max(2, TERMINAL_WIDTH - len(str(run.path)) - len(size))
        click.echo(f"{name}{gap}{size}" if len(gap) > 2 else f"{name}\n  {size}")
        parts = [
            *filter(None, (run.task, Path(run.data).name if run.data else "", cell_label(run.cell))),
            _outcome(run),
        ]
        echo(textwrap.fill(" · ".join(parts), TERMINAL_WIDTH, **_INDENT))


def _outcome(run: RunSummary) -> str:
    """How far a run is: its score beside that of the baseline, if it has one."""
    if run.score is None or run.metric is None:
        return f"{run.state}: {run.problem}" if run.problem else run.state
    against = "" if run.baseline is None else f" (baseline {run.baseline:.4g})"
    return f"{run.metric.replace('_', ' ')} {run.score:.4g}{against}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"


def _json_line(run: RunSummary) -> str:
    import dataclasses
    import json

    facts: dict[str, Any] = {**dataclasses.asdict(run), "path": str(run.path), "when": run.when}
    return json.dumps(facts, ensure_ascii=False)
