"""What the commands with a task have in common: a subcommand for each task, and its configuration as options."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.plugins import available_tasks, source_files

if TYPE_CHECKING:
    from seqkit.config import Option
    from seqkit.topologies import AnyTask


class TaskGroup(click.Group):
    """A group with a command for each task; a task is imported when its command is used.

    Args:
        task_command: makes the command of a task.
    """

    def __init__(self, *, task_command: Callable[[AnyTask], click.Command], **settings: Any) -> None:
        super().__init__(**settings)
        self.task_command = task_command

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of the tasks, without importing them."""
        return [*available_tasks()]

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of the tasks, and our own options; click would import every task."""
        options = click.Command.shell_complete(self, context, incomplete)
        return [CompletionItem(name) for name in self.list_commands(context) if name.startswith(incomplete)] + options

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that task."""
        # Checked before torch is imported, so that a typing error is answered at once.
        if name not in (names := self.list_commands(context)):
            raise unknown("task", name, names)
        from seqkit.runs import find_task

        return self.task_command(find_task(name))

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``: the first lines of the tasks' files."""
        summaries = {path.stem.replace("_", "-"): _first_line(path) for path in source_files("seqkit.tasks")}
        with formatter.section("Tasks"):
            formatter.write_dl([(name, summaries.get(name, "")) for name in self.list_commands(context)])


class TaskCommand(click.Command):
    """A command with the options of a task's configuration, under a heading for each kind in its help."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The options by their headings; what the command itself takes comes first."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None and record[1]:
                heading = parameter.section if isinstance(parameter, ConfigOption) else "Options"
                sections.setdefault(heading, []).append(record)
        sections.get("Data", []).sort(key=lambda record: not record[0].startswith("--data "))
        for heading in sorted(sections, key=_place):
            with formatter.section(heading):
                formatter.write_dl(sections[heading])


_HEADINGS = ("Options", "Data", "This task", "Model", "Vocabulary", "Training", "Run")
"""Headings in the order in which people look for them; others follow."""


def _place(heading: str) -> int:
    return _HEADINGS.index(heading) if heading in _HEADINGS else len(_HEADINGS)


class ConfigOption(click.Option):
    """An option of a configuration."""

    def __init__(self, entry: Option) -> None:
        choices = ["true", "false"] if entry.kind is bool else entry.choices
        brief = "|".join(choices)
        plain = "FILE" if entry.limits.get("path") is True else _METAVARS[entry.kind]
        metavar = f"[{brief}]" if 0 < len(brief) <= _LONGEST_METAVAR else plain
        text = (
            _help(entry) if metavar.startswith("[") or not choices else f"{_help(entry)} One of {', '.join(choices)}."
        )
        complete = None if not choices else lambda *given: [c for c in choices if c.startswith(given[2])]
        super().__init__([entry.flag, entry.name], metavar=metavar, help=text, shell_complete=complete)
        self.section = entry.section


_METAVARS: dict[type, str] = {int: "N", float: "X", str: "TEXT", bool: "", dict: "KEY=VALUE"}
_LONGEST_METAVAR = 24
"""Letters of the values that are shown beside the name of an option; more of them are in its help"""


def config_options(task: AnyTask) -> list[click.Parameter]:
    """``--config``, ``--set``, and an option for each field of the task's configuration.

    :func:`config_values` makes a configuration's values of what they were given.
    """
    from seqkit.config import options_of

    return [
        click.Option(["--config", "config_file"], metavar="FILE", help="A TOML file of options, as a run writes it."),
        click.Option(["--set", "settings"], metavar="NAME=VALUE", multiple=True, help="Set any option by name."),
        *map(ConfigOption, options_of(task.config).values()),
    ]


def data_argument() -> click.Argument:
    """The data behind the name of a task, which :func:`with_data` puts where ``--data`` is."""
    return click.Argument(["place"], metavar="[DATA]", required=False)


def with_data(flags: Mapping[str, str | None], place: str | None, command: str) -> dict[str, str | None]:
    """The flags with the data that were given behind the name of the task; raises :class:`UsageError` for both."""
    if place is None:
        return {**flags}
    if flags.get("data") is not None:
        raise UsageError(f"give the data once: seqkit {command} TASK DATA, or --data")
    return {**flags, "data": place}


def config_values(
    task: AnyTask, config_file: str | None, settings: Sequence[str], flags: Mapping[str, str | None]
) -> dict[str, Any]:
    """The values of a configuration, as far as they were requested, and those that go with them.

    See :func:`asked_values` and :func:`completed_values`.
    """
    return completed_values(task, asked_values(task, config_file, settings, flags))


def asked_values(
    task: AnyTask, config_file: str | None, settings: Sequence[str], flags: Mapping[str, str | None]
) -> dict[str, Any]:
    """The values that were requested: those of the file are replaced by ``--set``, these by flags (None: not given)."""
    from seqkit.config import options_of, parse_setting

    named = {setting.partition("=")[0].strip().replace("-", "_") for setting in settings}
    named |= {name for name, text in flags.items() if text is not None}
    values = {} if config_file is None else _file_values(task, config_file, named)
    values.update(parse_setting(task.config, text) for text in settings)
    options = options_of(task.config)
    for name, text in flags.items():
        if text is not None:
            values[name] = options[name].parse(text, options[name].flag)
    return values


def completed_values(task: AnyTask, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and for what was not requested those of the data set, of the run that ``init_from`` names, and of
    ``SEQKIT_KERNELS``.
    """
    from seqkit.config import options_of

    values, options = {**asked}, options_of(task.config)
    if "data" in options:
        values = {**task.data_set_options.get(values.get("data", options["data"].default), {}), **values}
    if values.get("init_from") or values.get("vectors"):
        from seqkit.runs.transfer import with_sizes_from_outside

        values = with_sizes_from_outside(values, task)
    if "kernel" in options and "kernel" not in values and os.environ.get("SEQKIT_KERNELS"):
        values["kernel"] = os.environ["SEQKIT_KERNELS"]
    return values


def _file_values(task: AnyTask, config_file: str, replaced: Set[str]) -> dict[str, Any]:
    from seqkit.cells import is_own
    from seqkit.config import make_config, read_toml

    values = read_toml(Path(config_file))
    named = values.pop("task", task.name)
    if named != task.name:
        raise UsageError(f"{config_file} is for task '{named}', not '{task.name}'")
    if is_own(values.get("cell")):
        cell = values.pop("cell")
        if "cell" not in replaced:
            raise UsageError(
                f"{config_file} has the cell {cell}, a file that is run only if you name it: add --cell {cell}"
            )
    # Checked here, where an error can still name the file.
    make_config(task.config, values, config_file)
    return values


def _help(entry: Option) -> str:
    from seqkit.config import FromData

    text = entry.help[:1].upper() + entry.help[1:] + ("" if entry.help.endswith("...") else ".")
    if entry.default is None or entry.default in ("", {}):
        return text
    if isinstance(entry.default, FromData):
        return f"{text} [follows from the data]"
    shown = str(entry.default).lower() if entry.kind is bool else str(entry.default)
    return f"{text} [{shown}]"


def _first_line(path: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    except SyntaxError as error:
        raise SeqkitError(f"{path}:{error.lineno}: {error.msg}") from None
    return text.partition("\n")[0].rstrip(".")
