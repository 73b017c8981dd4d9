"""``seqkit run TASK``: train a model and score it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqkit.commands.log_option import LOG
from seqkit.commands.task_options import TaskCommand, TaskGroup, config_options, config_values, data_argument, with_data
from seqkit.machine import launched

if TYPE_CHECKING:
    from seqkit.config import TrainingConfig
    from seqkit.topologies import AnyTask
    from seqkit.training.distributed import Processes


def _task_command(task: AnyTask) -> click.Command:
    out_option = click.Option(["--out"], metavar="FOLDER", help="Folder of the run. [runs/TASK-N]")
    profile_option = click.Option(
        ["--profile"], is_flag=True, help="Show where the time of a step goes, and write a trace."
    )

    def run(
        place: str | None,
        out: str | None,
        profile: bool,
        trackers: tuple[str, ...],
        config_file: str | None,
        settings: tuple[str, ...],
        **flags: str | None,
    ) -> int:
        from seqkit.commands.profile import profiled
        from seqkit.config import make_config, write_toml
        from seqkit.training.distributed import joined

        flags = with_data(flags, place, "run")
        config = make_config(task.config, config_values(task, config_file, settings, flags))
        with joined({"configuration": write_toml(task.name, config), "--profile": profile}) as processes:
            noting = profiled(processes, config.device) if profile else processes
            return _run(task, config, out, noting, trackers)

    own = [data_argument(), out_option, profile_option, click.Option(["--log", "trackers"], **LOG)]
    return TaskCommand(task.name, params=[*own, *config_options(task)], callback=run, help=_summary(task))


def _run(
    task: AnyTask, config: TrainingConfig, out: str | None, processes: Processes, trackers: Sequence[str] = ()
) -> int:
    from seqkit.commands.training import open_trackers, train
    from seqkit.devices import find_device
    from seqkit.runs import start
    from seqkit.runs.follower import follow

    config = _in_shards(config, processes)
    # The native kernels are for the CPU: nobody waits for a build that nothing would use.
    kernel = config.kernel if find_device(processes.device(config.device)).type == "cpu" else "torch"
    folder = _folder(task, out, processes)
    config = _prepared(task, config, folder, processes)
    if processes.share(b"again" if launched() and processes.first and _goes_on(task, config, folder) else b""):
        return _resume(kernel, folder, processes, trackers)
    if processes.first:
        logs = open_trackers(trackers, folder)
        return train(kernel, lambda notes: start(task, config, folder, notes, processes), processes, logs)
    return train(kernel, lambda notes: follow(task, config, processes), processes)


def _prepared(task: AnyTask, config: TrainingConfig, folder: Path, processes: Processes) -> TrainingConfig:
    """The configuration with data too large for memory indexed or prepared beside the run's folder.

    The first process does it.
    """
    from seqkit.commands.prepare import print_indexed, print_prepared
    from seqkit.runs.places import check_free
    from seqkit.runs.preparing import read_prepared
    from seqkit.runs.sizes import exceeds_memory

    if not exceeds_memory(task, config):
        return config
    if processes.share(b"rows" if processes.first and print_indexed(task, config) else b""):
        return config
    beside = folder.with_name(f"{folder.name}.data")
    if processes.first:
        if not launched():
            check_free(folder)
        print_prepared(task, config, beside)
    processes.share(b"prepared" if processes.first else None)
    return read_prepared(task, config, beside)


def _resume(kernel: str, folder: Path, processes: Processes, trackers: Sequence[str]) -> int:
    from seqkit.commands.training import open_trackers, train
    from seqkit.runs import resume
    from seqkit.runs.follower import follow_again

    if processes.first:
        logs = open_trackers(trackers, folder)
        return train(kernel, lambda notes: resume(folder, notes, None, processes), processes, logs)
    return train(kernel, lambda notes: follow_again(folder, None, processes), processes)


def _in_shards(config: TrainingConfig, processes: Processes) -> TrainingConfig:
    """The configuration with a number of shards, if processes are to share them."""
    from seqkit.training.shards import check_shards, default_shards

    if launched() and not config.shards:
        config = dataclasses.replace(config, shards=default_shards(processes.size))
    if config.shards:
        check_shards(config.shards, processes.size)
    return config


def _folder(task: AnyTask, out: str | None, processes: Processes) -> Path:
    """The folder of the run, which all processes must know: that of an attempt before this one, or a new one."""
    from seqkit.runs.places import next_free
    from seqkit.training.distributed import kept_folder

    if out:
        return Path(out)
    name = None
    if processes.first:
        name = kept_folder(lambda: str(next_free(Path("runs"), task.name))).encode()
    return Path(processes.share(name).decode())


def _goes_on(task: AnyTask, config: TrainingConfig, folder: Path) -> bool:
    """Whether the folder has the same run, begun and not finished: torchrun starts all again where one has ended."""
    from seqkit.runs.directory import RunDirectory
    from seqkit.runs.prepared import with_reading
    from seqkit.runs.same_options import check_same_options
    from seqkit.runs.session import absolute_paths

    run = RunDirectory(folder)
    if not run.manifest.exists() or run.results.exists():
        return False
    check_same_options(task, with_reading(task, absolute_paths(task, config)), folder)
    return True


def _summary(task: AnyTask) -> str:
    summary = f"{task.topology[:1].upper()}{task.topology[1:]}: {task.summary}."
    for data, values in task.data_set_options.items():
        options = ", ".join(f"{name} {value}" for name, value in values.items())
        summary += f"\n\nDefaults with --data {data}: {options}."
    return summary


@click.group(cls=TaskGroup, task_command=_task_command, subcommand_metavar="TASK [DATA] [OPTIONS]")
def command() -> None:
    """Train a model and score it.

    `seqkit run TASK --help` shows the options of a task.
    """
