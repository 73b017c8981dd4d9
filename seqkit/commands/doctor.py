"""``seqkit doctor TASK DATA``: look at data before anyone trains on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.run import TaskGroup, config_values
from seqkit.errors import UsageError

if TYPE_CHECKING:
    from seqkit.doctor.examine import Report

_SECONDS = 3.0
"""For which training steps are timed."""


class DoctorGroup(TaskGroup):
    """One command for each task, with the options of the task."""

    def command_of(self, name: str) -> click.Command:
        """The command of that task."""
        from seqkit.commands.training import field_options
        from seqkit.runs import find_task

        task = find_task(name)
        fields = field_options(task.config)
        common = [
            click.Argument(["place"], metavar="[DATA]", required=False),
            click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object with all that was found."),
            click.Option(["--no-timing", "quick"], is_flag=True, help="Time no training steps."),
            click.Option(["--config", "config_file"], metavar="FILE", help="A TOML file of options, as a run has it."),
            click.Option(["--set", "settings"], metavar="NAME=VALUE", multiple=True, help="Any option by its name."),
        ]

        def callback(
            place: str | None, as_json: bool, quick: bool, config_file: str | None, settings: tuple[str, ...],
            **flags: str | None,
        ) -> int:  # fmt: skip
            given = {key: value for key, value in flags.items() if value is not None}
            if place is not None:
                if "data" in given:
                    raise UsageError("give the data once: seqkit doctor TASK DATA, or --data")
                given["data"] = place
            return _examine(task, config_values(task, config_file, settings, given), as_json, quick)

        summary = f"Look at the data of a {name} run before training: what is wrong, odd, cut, and what it will cost."
        return click.Command(name, params=[*common, *fields], callback=callback, help=summary)


@click.group(cls=DoctorGroup, subcommand_metavar="TASK [DATA] [OPTIONS]")
def command() -> None:
    """Look at data before training.

    `seqkit doctor TASK --help` shows the options of a task. The exit code is 1 if a training would stop at the data.
    """


def _examine(task: Any, values: dict[str, Any], as_json: bool, quick: bool) -> int:
    from seqkit.config import make_config
    from seqkit.doctor.examine import examine

    report = examine(task, make_config(task.config, values), 0 if quick else _SECONDS)
    if as_json:
        import json

        click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        _print(report)
    return 0 if report.sound else 1


def _print(report: Report) -> None:
    from seqkit.commands.terminal import print_tables

    for file in report.facts["files"]:
        read = f"; {', '.join(file['input'][:8])} is the input" if file["input"] else ""
        columns = f", columns {', '.join(file['columns'][:12])}{read}" if file["columns"] else ""
        rows = f"{file['rows']:,} row{'s' if file['rows'] != 1 else ''}"
        click.echo(f"{file['path']}: {file['format']}, {rows}{columns}")
    if "parts" in report.facts:
        sizes = ", ".join(f"{count:,} in {part}" for part, count in report.facts["parts"].items())
        click.echo(f"parts: {sizes}")
    print_tables(report.tables)
    if report.facts["files"] or "parts" in report.facts:
        click.echo("")
    order = {"wrong": 0, "warning": 1, "note": 2}
    for finding in sorted(report.findings, key=lambda finding: order[finding.level]):
        click.echo(f"{finding.level}: {finding}")
    wrong = sum(finding.level == "wrong" for finding in report.findings)
    more = len(report.findings) - wrong
    verdict = f"{wrong} to mend before training" if wrong else "ready to train"
    verdict += f"; {more} more to look at" if more else ""
    click.echo(verdict if "parts" in report.facts else f"{verdict}; the rest is looked at once that is done")
