"""``seqkit run TASK``: train a model and score it."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import click

from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.plugins import discover, source_files


class TaskGroup(click.Group):
    """One command for each task, its options made from the task's configuration."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of the tasks, without importing them."""
        return list(discover("seqkit.tasks", skip=(), pick=lambda module: module.TASK))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that task."""
        if name not in self.list_commands(context):
            raise unknown("task", name, self.list_commands(context))
        return self.command_of(name)

    def command_of(self, name: str) -> click.Command:
        """The command of a task that exists."""
        from seqkit.commands.training import task_command

        return task_command(name)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``: the first lines of the tasks' files."""
        described = {path.stem.replace("_", "-"): _first_line(path) for path in source_files("seqkit.tasks")}
        with formatter.section("Tasks"):
            formatter.write_dl([(name, described.get(name, "")) for name in self.list_commands(context)])


@click.group(cls=TaskGroup, subcommand_metavar="TASK [OPTIONS]")
def command() -> None:
    """Train a model and score it.

    `seqkit run TASK --help` shows the options of a task.
    """


def config_values(
    task: Any, config_file: str | None, settings: tuple[str, ...], flags: dict[str, Any]
) -> dict[str, Any]:
    """The values asked for: those of the file, replaced by ``--set``, replaced by options; then the data set's own."""
    from seqkit.config import make_config, options_of, parse_setting, read_toml

    values: dict[str, Any] = {}
    if config_file is not None:
        values = read_toml(Path(config_file))
        named = values.pop("task", task.name)
        if named != task.name:
            raise UsageError(f"{config_file} is for task '{named}', not '{task.name}'")
        make_config(task.config, values, config_file)
    values.update(parse_setting(task.config, text) for text in settings)
    options = options_of(task.config)
    for name, text in flags.items():
        values[name] = options[name].parse(text, options[name].flag)
    if "data" in options:
        values = {**task.data_set_options.get(values.get("data", options["data"].default), {}), **values}
    if values.get("init_from"):
        from seqkit.runs.transfer import sizes_of

        values = {**sizes_of(Path(values["init_from"]), task), **values}
    if "kernel" in options and "kernel" not in values and os.environ.get("SEQKIT_KERNELS"):
        values["kernel"] = os.environ["SEQKIT_KERNELS"]
    return values


def _first_line(path: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    except SyntaxError as error:
        raise SeqkitError(f"{path}:{error.lineno}: {error.msg}") from None
    return text.partition("\n")[0].rstrip(".")
