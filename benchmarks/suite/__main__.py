"""The command line of the suite."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.suite.datasets import BUILT_IN, DataSet, choose
from benchmarks.suite.progress import Suite
from benchmarks.suite.results import Results, code_version
from benchmarks.suite.runs import ALL, Runner, check_settings, plan
from seqkit.errors import SeqkitError, UsageError, unknown


@click.command(epilog=f"Data sets that need no path: {', '.join(BUILT_IN)}.")
@click.option("--tasks", default="", metavar="NAMES", help="Only data sets of these tasks, with commas between.")
@click.option("--sizes", default="300,1000,3000,all", show_default=True, help="Training examples of a run.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Runs of each size.")
@click.option(
    "--data",
    "named",
    multiple=True,
    metavar="NAME[[:TASK]=FILES]",
    help="Only this data set; again for others. FILES: TRAIN, TRAIN:TEST, TRAIN:VALID:TEST or a folder.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="[DATA.]NAME=VALUE",
    help="An option of every run whose task has it; with the name of a data set, of the reading of its files.",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("suite.json"), show_default=True)
@click.option("--valid", is_flag=True, help="Score the validation split: for tuning, so that the test is scored once.")
@click.option("--any-code", is_flag=True, help="Results that another version of the code gave count, too.")
def main(
    tasks: str,
    sizes: str,
    seeds: int,
    named: tuple[str, ...],
    settings: tuple[str, ...],
    out: Path,
    valid: bool,
    any_code: bool,
) -> None:
    """Runs the defaults of every task on many data sets and sizes, each with several seeds, beside its baseline.

    Results are kept in a JSON file, and as a table in a Markdown file beside it. The same command goes on where it
    was stopped, and does not repeat a run whose data, options and code are the same.
    """
    try:
        data_sets = _with_reading(choose(_names(named), _names(tasks.split(","))), settings)
        general = [text for text in settings if "." not in text.partition("=")[0]]
        check_settings([data.task for data in data_sets], general)
        requests = plan(data_sets, _sizes(sizes), seeds)
        with tempfile.TemporaryDirectory() as folder:
            runner = Runner(Path(folder), general, "valid" if valid else "test")
            failures = Suite(requests, runner, Results(out, any_code), code_version()).carry_out()
    except SeqkitError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on", err=True)
        sys.exit(130)
    sys.exit(1 if failures else 0)


def _names(texts: Iterable[str]) -> list[str]:
    return [text.strip() for text in texts if text.strip()]


def _sizes(text: str) -> list[str]:
    sizes = _names(text.split(","))
    for size in sizes:
        if size != ALL and not (size.isdecimal() and int(size) > 0):
            raise UsageError(f"--sizes takes whole numbers and {ALL} with commas between, not {size!r:.80}")
    if not sizes:
        raise UsageError(f"--sizes names no size; give some, such as 300,{ALL}")
    return [size if size == ALL else str(int(size)) for size in dict.fromkeys(sizes)]


def _with_reading(data_sets: Sequence[DataSet], settings: Sequence[str]) -> list[DataSet]:
    """The data sets with the options that are meant for the reading of one of them: ``DATA.NAME=VALUE``."""
    reading: dict[str, dict[str, str]] = {data.name: {} for data in data_sets}
    for left, _, value in (text.partition("=") for text in settings):
        name, dot, option = left.rpartition(".")
        if dot and name not in reading:
            raise unknown("data set", name, reading)
        if dot:
            reading[name][option] = value
    return [replace(data, reading=reading[data.name]) for data in data_sets]


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.suite")
