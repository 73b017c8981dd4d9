"""The data of a run: those that a task reads, or a prepared data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from seqkit.checks.splits import stop_at_problems
from seqkit.config import TrainingConfig, options_of
from seqkit.data import Splits
from seqkit.data.prepared import MANIFEST, PreparedFolder, StoredExamples, is_prepared, open_prepared
from seqkit.errors import UsageError
from seqkit.runs.indexed import EscapedQuotes, indexed_splits
from seqkit.runs.sizes import large_rows
from seqkit.topologies import AnyTask

C = TypeVar("C", bound=TrainingConfig)


def reading_options(task: AnyTask) -> list[str]:
    """The options of a task that say what its examples are; all others are of the model and its training."""
    return [name for name, entry in options_of(task.config).items() if entry.limits.get("reads")]


def folder_of(task: AnyTask, config: TrainingConfig) -> PreparedFolder | None:
    """The prepared data set that a configuration names, if it does; raises as :func:`open_prepared` does."""
    data = getattr(config, "data", None)
    return open_prepared(Path(data), task.name) if data and is_prepared(data) else None


def read_splits(task: AnyTask, config: TrainingConfig, notes: list[str]) -> Splits[Any]:
    """The data of a configuration: what :meth:`Task.read` reads, or a prepared data set."""
    folder = folder_of(task, config)
    if folder is None:
        return _read_rows(task, config, notes) or _read_whole(task, config, notes)
    notes.extend(folder.facts["notes"])
    for path in folder.changed_sources():
        notes.append(f"{path} has changed since it was prepared in {folder.path}, which has it as it was")
    return folder.splits(task.example_types, config.seed)


def _read_whole(task: AnyTask, config: TrainingConfig, notes: list[str]) -> Splits[Any]:
    splits: Splits[Any] = task.read(config, notes)
    return splits


def _read_rows(task: AnyTask, config: TrainingConfig, notes: list[str]) -> Splits[Any] | None:
    """The splits of a file of rows that is larger than memory; None for any other."""
    found = large_rows(task, config)
    if found is None:
        return None
    try:
        return indexed_splits(task, config, *found, notes)
    except EscapedQuotes:
        return None


def checked_splits(task: AnyTask, config: TrainingConfig, notes: list[str]) -> Splits[Any]:
    """The data of a new run. Prepared ones were checked when they were prepared.

    Raises :class:`DataError` for data that cannot be learned from, :class:`UsageError` for options that need all
    training examples in memory, where these are stored.
    """
    splits, data = read_splits(task, config, notes), getattr(config, "data", None)
    if not is_prepared(data) and not isinstance(splits.train, StoredExamples):
        stop_at_problems(task, splits, notes, data)
    for name in ("teacher", "unlabelled"):
        if isinstance(splits.train, StoredExamples) and getattr(config, name, None):
            raise UsageError(
                f"--{name} needs all training examples in memory, and those of {data} are read from disk; leave it "
                "out, or prepare fewer examples"
            )
    return splits


def with_reading(task: AnyTask, config: C) -> C:
    """The configuration with the options that its prepared data set was read with, if it has one.

    Raises :class:`UsageError` for an option that asks for another reading.
    """
    folder = folder_of(task, config)
    return config if folder is None else _merged(task, config, folder)


def _merged(task: AnyTask, config: C, folder: PreparedFolder) -> C:
    known, changes = options_of(task.config), dict[str, Any]()
    for name in reading_options(task):
        flag, value = known[name].flag, getattr(config, name)
        if name not in folder.facts["options"]:
            if value != known[name].default:
                raise UsageError(f"{folder.path} has splits of its own; leave out {flag}")
            continue
        prepared = known[name].check(folder.facts["options"][name], f"{folder.path / MANIFEST}: {name}")
        if value not in (prepared, known[name].default):
            with_it = f"no {flag}" if prepared is None else f"{flag} {prepared}"
            raise UsageError(
                f"{folder.path} was prepared with {with_it}, not {flag} {value}; leave the option out, or prepare the "
                "data again"
            )
        changes[name] = prepared
    return dataclasses.replace(config, **changes)


def options_read(task: AnyTask, config: TrainingConfig) -> Mapping[str, Any]:
    """The values of the options of reading, for the manifest; but those of files, which the data set replaces."""
    known = options_of(task.config)
    return {name: getattr(config, name) for name in reading_options(task) if not known[name].limits.get("path")}


def amount_of(task: AnyTask, examples: Sequence[Any]) -> tuple[int, str]:
    """How much a split has, and of what; of a stored one its folder says so."""
    return examples.size if isinstance(examples, StoredExamples) else task.size(examples)
