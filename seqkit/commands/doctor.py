"""``seqkit doctor TASK DATA``: examine data before anyone trains on them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.output import echo, echo_data
from seqkit.commands.task_options import TaskCommand, TaskGroup, config_options, config_values, data_argument, with_data
from seqkit.errors import UsageError

if TYPE_CHECKING:
    from seqkit.checks.finding import Finding
    from seqkit.doctor.report import Report
    from seqkit.topologies import AnyTask

_SECONDS = 3.0
"""For which training steps are timed."""
_ORDER = {"wrong": 0, "warning": 1, "note": 2}


def _task_command(task: AnyTask) -> click.Command:
    own = [
        data_argument(),
        click.Option(["--json", "as_json"], is_flag=True, help="Print everything found as one JSON object."),
        click.Option(["--no-timing", "untimed"], is_flag=True, help="Do not time training steps."),
    ]

    def examine_data(
        place: str | None, as_json: bool, untimed: bool, config_file: str | None, settings: tuple[str, ...],
        **flags: str | None,
    ) -> int:  # fmt: skip
        from seqkit.config import make_config
        from seqkit.data.prepared import is_prepared
        from seqkit.doctor.examine import examine

        flags = with_data(flags, place, "doctor")
        config = make_config(task.config, config_values(task, config_file, settings, flags))
        if is_prepared(getattr(config, "data", None)):
            raise UsageError(f"{flags['data']} was checked when it was prepared; name the files that it was made of")
        report = examine(task, config, 0 if untimed else _SECONDS)
        if as_json:
            echo_data(json.dumps(report.to_json(), ensure_ascii=False))
        else:
            _print(report)
        return 0 if report.sound else 1

    summary = f"Check the data of a {task.name} run before training: errors, oddities, truncation, duration."
    return TaskCommand(task.name, params=[*own, *config_options(task)], callback=examine_data, help=summary)


@click.group(cls=TaskGroup, task_command=_task_command, subcommand_metavar="TASK [DATA] [OPTIONS]")
def command() -> None:
    """Check data before training.

    `seqkit doctor TASK --help` shows the options of a task. The exit code is 1 if training would fail on this data.
    """


def _print(report: Report) -> None:
    from seqkit.commands.terminal import print_tables

    for file in report.facts["files"]:
        echo(_file_line(file))
    if "parts" in report.facts:
        echo("splits: " + ", ".join(f"{count:,} in {name}" for name, count in report.facts["parts"].items()))
    print_tables(report.tables)
    if report.facts["files"] or "parts" in report.facts:
        echo("")
    for finding in sorted(report.findings, key=lambda finding: _ORDER[finding.level]):
        echo(f"{finding.level}: {finding}")
    verdict = _verdict(report.findings)
    echo(verdict if "parts" in report.facts else f"{verdict}; the rest is checked once that is done")


def _file_line(file: dict[str, Any]) -> str:
    inputs = f"; {', '.join(file['input'][:8])} is the input" if file["input"] else ""
    columns = f", columns {', '.join(file['columns'][:12])}{inputs}" if file["columns"] else ""
    return f"{file['path']}: {file['format']}, {file['rows']:,} row{'s' if file['rows'] != 1 else ''}{columns}"


def _verdict(findings: list[Finding]) -> str:
    wrong = sum(finding.level == "wrong" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    verdict = f"{_counted(wrong, 'error')} to fix before training" if wrong else "ready to train"
    return verdict + (f", {_counted(warnings, 'warning')}" if warnings else "")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
