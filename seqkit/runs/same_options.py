"""Whether a run in a folder was made with the options that are requested now."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from seqkit.cells import is_own
from seqkit.config import FromData, TrainingConfig, make_config, read_toml
from seqkit.errors import UsageError
from seqkit.runs.directory import RunDirectory
from seqkit.runs.own_cell import with_cell
from seqkit.topologies import AnyTask


def check_same_options(task: AnyTask, config: TrainingConfig, folder: Path) -> None:
    """Raises :class:`UsageError` where the folder has a run of another task, or one with other options."""
    if not (folder / "run.json").exists():
        return
    run, facts = RunDirectory.open(folder)
    values = read_toml(run.config)
    if values.pop("task", None) != task.name:
        raise UsageError(f"{folder} is a run of another task; choose another folder with --out")
    cell = getattr(config, "cell", None)
    if is_own(cell) and is_own(values.get("cell")):
        values = with_cell(values, facts.get("cell_digest"), cell, folder)
    before = dataclasses.asdict(make_config(task.config, values, str(run.config)))
    for name, value in dataclasses.asdict(config).items():
        if value != before[name] and not isinstance(getattr(config, name), FromData):
            raise UsageError(
                f"{folder} was made with {name} {before[name]}, not {value}; give the options it was started with, or "
                "another folder with --out"
            )
