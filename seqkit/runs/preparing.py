"""Writes the data of a task as a prepared data set: ``seqkit prepare``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from seqkit.checks.splits import labels_of, stop_at_problems
from seqkit.config import TrainingConfig, options_of
from seqkit.data import Splits
from seqkit.data.prepared import FolderWriter, is_prepared
from seqkit.errors import UsageError
from seqkit.runs.fingerprint import fingerprint
from seqkit.runs.prepared import options_read
from seqkit.runs.session import absolute_paths
from seqkit.topologies import AnyTask
from seqkit.version import __version__

_LABELS = 10_000
"""Labels of which an example is remembered, at most; data with more of them have no classes."""


def prepare_data(task: AnyTask, config: TrainingConfig, out: Path, notes: list[str]) -> dict[str, Any]:
    """Reads the data of a configuration and writes them as the folder ``out``; returns its manifest.

    Raises as :meth:`Task.read` does, and :class:`UsageError` for a task whose data cannot be prepared.
    """
    if not task.example_types:
        raise UsageError(
            f"the data of {task.name} cannot be prepared; give them to `seqkit run {task.name}` as they are"
        )
    if is_prepared(getattr(config, "data", None)):
        raise UsageError(f"{config.data} is prepared already; run it: seqkit run {task.name} {config.data}")  # type: ignore[attr-defined]
    config = absolute_paths(task, config)
    with FolderWriter(out, task.example_types) as writer:
        sources = [_source(path) for path in _files(task, config)]
        splits: Splits[Any] = task.read(config, notes)
        stop_at_problems(task, splits, notes, getattr(config, "data", None))
        firsts = _write(writer, splits)
        amounts = {split.name: task.size(getattr(splits, split.name)) for split in fields(splits)}
        facts = {"fingerprint": fingerprint(task, splits), "firsts": firsts, "sources": sources, "notes": notes}
        return writer.complete({**facts, **_about(task, task.recipe(config, splits))}, amounts)


def _about(task: AnyTask, config: TrainingConfig) -> dict[str, Any]:
    return {"task": task.name, "version": __version__, "options": dict(options_read(task, config))}


def _write(writer: FolderWriter, splits: Splits[Any]) -> list[int]:
    """Writes all examples; returns the numbers of those in training that are the first with a label."""
    firsts = dict[str, int]()
    for split in fields(splits):
        for example in getattr(splits, split.name):
            number = writer.add(split.name, example)
            if split.name == "train":
                remember_labels(firsts, example, number)
    return sorted(set(firsts.values()))


def remember_labels(firsts: dict[str, int], example: Any, number: int) -> None:
    """Notes the number of an example for each of its labels that none before had."""
    for label in labels_of(example):
        if label not in firsts and len(firsts) < _LABELS:
            firsts[label] = number


def _files(task: AnyTask, config: TrainingConfig) -> Iterator[Path]:
    """The files and folders that a configuration reads."""
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        if (name == "data" or entry.limits.get("reads")) and entry.names_file(value) and value not in task.data_sets:
            yield Path(value)


def _source(path: Path) -> dict[str, Any]:
    """What tells whether a file has changed since; of a folder, its own time, which new files change."""
    status = path.stat() if path.exists() else None
    if status is None:
        return {"path": str(path), "size": 0, "modified": 0}
    return {"path": str(path), "size": status.st_size, "modified": status.st_mtime_ns}
