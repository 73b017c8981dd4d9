"""``seqkit run TASK``: train a model and score it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqkit.commands.task_options import TaskCommand, TaskGroup, config_options, config_values

if TYPE_CHECKING:
    from seqkit.topologies import AnyTask


def _task_command(task: AnyTask) -> click.Command:
    out_option = click.Option(["--out"], metavar="FOLDER", help="Folder of the run. [runs/TASK-N]")

    def run(out: str | None, config_file: str | None, settings: tuple[str, ...], **flags: str | None) -> int:
        from seqkit.commands.training import train
        from seqkit.config import make_config
        from seqkit.devices import find_device
        from seqkit.runs import start
        from seqkit.runs.places import next_free

        config = make_config(task.config, config_values(task, config_file, settings, flags))
        folder = Path(out) if out else next_free(Path("runs"), task.name)
        # The native kernels are for the CPU: nobody waits for a build that nothing would use.
        kernel = config.kernel if find_device(config.device).type == "cpu" else "torch"
        return train(kernel, lambda notes: start(task, config, folder, notes))

    return TaskCommand(task.name, params=[out_option, *config_options(task)], callback=run, help=_summary(task))


def _summary(task: AnyTask) -> str:
    summary = f"{task.topology[:1].upper()}{task.topology[1:]}: {task.summary}."
    for data, values in task.data_set_options.items():
        options = ", ".join(f"{name} {value}" for name, value in values.items())
        summary += f"\n\nDefaults with --data {data}: {options}."
    return summary


@click.group(cls=TaskGroup, task_command=_task_command, subcommand_metavar="TASK [OPTIONS]")
def command() -> None:
    """Train a model and score it.

    `seqkit run TASK --help` shows the options of a task.
    """
