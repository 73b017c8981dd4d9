"""``seqkit prepare TASK DATA --out FOLDER``: write data as a folder from which a run reads what it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.output import echo
from seqkit.commands.task_options import (
    ConfigOption,
    TaskCommand,
    TaskGroup,
    config_options,
    config_values,
    data_argument,
    with_data,
)
from seqkit.errors import UsageError

if TYPE_CHECKING:
    from seqkit.config import TrainingConfig
    from seqkit.topologies import AnyTask

_SECONDS = 10.0
"""Between two lines that say how far it is"""


def _task_command(task: AnyTask) -> click.Command:
    from seqkit.runs.prepared import reading_options

    out_option = click.Option(["--out"], metavar="FOLDER", required=True, help="The folder to write, new or empty.")
    held_out_option = click.Option(
        ["--held-out"], metavar="N", type=int,
        help="Of data larger than memory, examples in the validation split, and in the test split, at most. [20000]",
    )  # fmt: skip
    reading = {"data", "seed", *reading_options(task)}
    # The others are of the model and its training, and are for `seqkit run`.
    options = [each for each in config_options(task) if not isinstance(each, ConfigOption) or each.name in reading]

    def prepare(
        place: str | None, out: str, held_out: int | None, config_file: str | None, settings: tuple[str, ...],
        **flags: str | None,
    ) -> None:  # fmt: skip
        from seqkit.commands.terminal import wrapped
        from seqkit.config import make_config
        from seqkit.runs.dividing import HELD_OUT
        from seqkit.runs.preparing import prepare_data

        if held_out is not None and held_out < 1:
            raise UsageError(f"--held-out must be at least 1, not {held_out}")
        values = config_values(task, config_file, settings, with_data(flags, place, "prepare"))
        notes: list[str] = []
        config = make_config(task.config, values)
        manifest = prepare_data(task, config, Path(out), notes, held_out or HELD_OUT, _progress())
        for note in notes:
            echo(wrapped(f"note: {note}"), err=True)
        for line in _lines(task, manifest, out):
            echo(line)

    summary = f"Write the data of a {task.name} run as a folder that runs read from disk."
    return TaskCommand(
        task.name, params=[data_argument(), out_option, held_out_option, *options], callback=prepare, help=summary
    )


def print_indexed(task: AnyTask, config: TrainingConfig) -> bool:
    """Indexes the rows of a file that is larger than memory, and says so; False for data that have no such rows."""
    from seqkit.commands.terminal import wrapped
    from seqkit.data.indexed import EscapedQuotes, row_index
    from seqkit.runs.sizes import large_rows

    if (found := large_rows(task, config)) is None:
        return False
    path, head = found
    echo(wrapped(f"{path} is larger than memory, so its rows are read when they are needed"), err=True)
    said = time.monotonic()

    def say(size: int) -> None:
        nonlocal said
        if time.monotonic() - said > _SECONDS:
            said = time.monotonic()
            echo(f"{_size(size)} of {_size(path.stat().st_size)} looked through", err=True)

    try:
        row_index(path, head, say)
    except EscapedQuotes:
        echo(wrapped("quotes in it have backslashes before them, so that rows depend on those above"), err=True)
        return False
    return True


def print_prepared(task: AnyTask, config: TrainingConfig, folder: Path) -> None:
    """Prepares the data of a run that are larger than memory, and says so; those of an earlier attempt are taken."""
    from seqkit.commands.terminal import wrapped
    from seqkit.data.prepared import is_prepared
    from seqkit.runs.preparing import prepare_data

    if is_prepared(folder):
        echo(f"the data prepared in {folder} are used", err=True)
        return
    echo(wrapped(f"the data are too large for memory and are prepared in {folder} first"), err=True)
    manifest = prepare_data(task, config, folder, [], progress=_progress())
    echo(f"{_size(sum(split['size'] for split in manifest['splits'].values()))} in {folder}", err=True)


def _progress() -> Callable[[int], None]:
    """Says now and then how many examples there are."""
    said = time.monotonic()

    def say(number: int) -> None:
        nonlocal said
        if time.monotonic() - said > _SECONDS:
            said = time.monotonic()
            echo(f"{number:,} examples", err=True)

    return say


def _lines(task: AnyTask, manifest: dict[str, Any], out: str) -> list[str]:
    splits = manifest["splits"]
    counts = ", ".join(f"{splits[name]['examples']:,} in {name}" for name in ("train", "valid", "test"))
    size = sum(split["size"] for split in splits.values())
    return [f"splits: {counts}", f"{out}: {_size(size)}; train with: seqkit run {task.name} {out}"]


def _size(size: int) -> str:
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


@click.group(cls=TaskGroup, task_command=_task_command, subcommand_metavar="TASK [DATA] --out FOLDER [OPTIONS]")
def command() -> None:
    """Write data as a folder that runs read from disk, in memory that does not grow with the data.

    `seqkit prepare TASK --help` shows the options of a task.
    """
