"""The runs of a folder at a glance, and taking some away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.config import read_toml
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import read_json
from seqkit.runs.directory import RunDirectory
from seqkit.runs.lock import FolderLock, is_held
from seqkit.runs.schemas import RESULTS

FINISHED, RUNNING, STOPPED, DAMAGED = "finished", "running", "stopped", "damaged"
FITTED = "fitted in Python, not scored"
"""Saved by an estimator, without its data"""
_DEPTH = 3
"""Folders are looked through so deep: a comparison, or a search, has its runs below its own."""


@dataclass(frozen=True)
class RunSummary:
    """What a list of runs says of one.

    Args:
        path: its folder.
        state: :data:`FINISHED`, :data:`RUNNING`, :data:`STOPPED`, :data:`FITTED` or :data:`DAMAGED`.
        task, data, cell: as its configuration has them; empty where it has none.
        metric, score, baseline: of the test split; None without one.
        changed: when something in the folder was written last, in seconds since 1970.
        size: of all its files, in bytes.
        problem: what is wrong with a damaged run.
    """

    path: Path
    state: str
    task: str
    data: str
    cell: str
    metric: str | None
    score: float | None
    baseline: float | None
    changed: float
    size: int
    problem: str = ""

    @property
    def when(self) -> str:
        """The time of the last change, as people write it here."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.changed))


def list_runs(folder: Path) -> list[RunSummary]:
    """All runs in a folder and in those below it, the latest last; raises :class:`UsageError` if there is no folder."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; name one that has runs: seqkit runs FOLDER")
    return sorted((_summary(path) for path in _run_folders(folder, _DEPTH)), key=lambda run: (run.changed, run.path))


def check_is_run(path: Path) -> None:
    """Raises :class:`UsageError` for what is not the folder of a run, or is a link to one."""
    if not (path / "run.json").is_file() or path.is_symlink():
        raise UsageError(f"{path} is not a run, and nothing was deleted; seqkit runs lists the runs")


def remove_run(path: Path) -> int:
    """Deletes a run, and gives back how many bytes it had.

    Raises :class:`UsageError` for a folder that is not a run, or is in use by a process.
    """
    check_is_run(path)
    with FolderLock(path):
        size = _size(path)
        shutil.rmtree(path)
    return size


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "run.json").is_file():
        yield folder
    elif depth:
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                yield from _run_folders(entry, depth - 1)


def _summary(path: Path) -> RunSummary:
    run = RunDirectory(path)
    changed = max(file.stat().st_mtime for file in (run.results, run.metrics, run.manifest) if file.exists())
    state = RUNNING if is_held(path) else FINISHED if run.results.exists() else STOPPED
    problem, facts, options, results = "", dict[str, Any](), dict[str, Any](), dict[str, Any]()
    try:
        facts = run.read_facts()
        if state == STOPPED and not facts.get("members") and facts.get("data", "") is None:
            state = FITTED
        # Those of an ensemble are its members'.
        options = read_toml(run.config) if run.config.exists() else {}
        results = read_json(run.results, RESULTS) if run.results.exists() else {}
    except SeqkitError as error:
        state, problem = DAMAGED, str(error)
    metric = results.get("metric")
    return RunSummary(
        path,
        state,
        str(facts.get("task", "")),
        str(options.get("data", "")),
        str(options.get("cell", "")) if not facts.get("members") else f"{len(facts['members'])} members",
        metric,
        results.get("test", {}).get(metric),
        results.get("baseline", {}).get(metric),
        changed,
        _size(path),
        problem,
    )


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())
