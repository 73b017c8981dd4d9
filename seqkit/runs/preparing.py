"""Writes the data of a task as a prepared data set: ``seqkit prepare``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqkit.checks.splits import stop_at_problems
from seqkit.config import TrainingConfig, options_of
from seqkit.data import Splits
from seqkit.data.prepared import FolderWriter, is_prepared, open_prepared
from seqkit.data.prepared.folder import state_of
from seqkit.data.splits import SPLIT_NAMES
from seqkit.errors import UsageError
from seqkit.runs.dividing import HELD_OUT, divide, remember_labels
from seqkit.runs.fingerprint import fingerprint
from seqkit.runs.prepared import options_read, reading_options
from seqkit.runs.session import absolute_paths
from seqkit.runs.sizes import data_files, unpacked_size
from seqkit.topologies import AnyTask, ReadsOneByOne
from seqkit.version import __version__

LARGE = 128 << 20
"""Bytes of data that are read as a whole. Larger ones are read one example after the other."""


def prepare_data(
    task: AnyTask,
    config: TrainingConfig,
    out: Path,
    notes: list[str],
    most: int = HELD_OUT,
    progress: Callable[[int], None] = lambda number: None,
) -> dict[str, Any]:
    """Reads the data of a configuration and writes them as the folder ``out``; returns its manifest.

    Args:
        task, config: say what the data are.
        out: the folder, which must be new or empty, or have been prepared in the same way before.
        notes: receives sentences that people should see.
        most: of data larger than memory, examples of the validation split and of the test split, at most.
        progress: of data larger than memory, is called with the number of examples now and then.

    Raises as :meth:`Task.read` does, and :class:`UsageError` for a task whose data cannot be prepared.
    """
    if not task.example_types:
        raise UsageError(
            f"the data of {task.name} cannot be prepared; give them to `seqkit run {task.name}` as they are"
        )
    if is_prepared(getattr(config, "data", None)):
        raise UsageError(f"{config.data} is prepared already; run it: seqkit run {task.name} {config.data}")  # type: ignore[attr-defined]
    config = absolute_paths(task, config)
    sources = [state_of(path) for path in data_files(task, config)]
    names = ("data", "seed", *reading_options(task))
    asked = {**{name: getattr(config, name, None) for name in names}, "held_out": most}
    if is_prepared(out):
        return _prepared_before(task, out, asked, sources, notes)
    with FolderWriter(out, task.example_types, {"sources": sources, "asked": asked}) as writer:
        if sum(map(unpacked_size, sources)) <= LARGE or not isinstance(task, ReadsOneByOne):
            return _prepare_whole(task, config, writer, notes)
        # The split files are small beside the data.
        size = unpacked_size(sources[0])
        firsts, config = divide(task, config, writer, size, most, notes, progress)
        facts = {"firsts": firsts, "notes": notes, **_about(task, config)}
        return writer.complete(facts, {name: (writer.count(name), "examples") for name in SPLIT_NAMES})


def read_prepared(task: AnyTask, config: TrainingConfig, folder: Path) -> TrainingConfig:
    """The configuration of a run whose data have been prepared in a folder.

    Raises :class:`UsageError` for a folder of other data.
    """
    config = absolute_paths(task, config)
    prepared = [source["path"] for source in open_prepared(folder, task.name).facts["sources"]]
    if prepared != [str(path) for path in data_files(task, config)]:
        raise UsageError(f"{folder} has other data; remove it, or choose another folder with --out")
    files: Any = {
        name: None if entry.optional else entry.default
        for name, entry in options_of(type(config)).items()
        if entry.limits.get("reads") and entry.names_file(getattr(config, name))
    }
    changes: Any = {**files, "data": str(folder)}
    return replace(config, **changes)


def _prepared_before(
    task: AnyTask, out: Path, asked: Mapping[str, Any], sources: list[dict[str, Any]], notes: list[str]
) -> dict[str, Any]:
    """What the manifest of a folder says that is as it would be prepared now.

    Raises :class:`UsageError` for one of other data or options, with what differs, and :class:`SeqkitError` for one
    that is damaged.
    """
    folder = open_prepared(out, task.name)
    folder.check_files()
    if why := _difference(folder.facts, {"version": __version__, "asked": asked, "sources": sources}):
        raise UsageError(f"{out} exists already, and {why}; choose another folder with --out, or remove it")
    notes.append(f"{out} was prepared from the same data with the same options before, and is as it was")
    return dict(folder.facts)


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In what a data set differs from what would be prepared now; empty for nothing."""
    if before["version"] != now["version"] or "asked" not in before:
        return f"was prepared by seqkit {before['version']}"
    paths, paths_now = ([source["path"] for source in facts["sources"]] for facts in (before, now))
    if paths != paths_now:
        return f"has the data of {', '.join(paths) or 'a data set'}"
    if changed := next((a["path"] for a, b in zip(before["sources"], now["sources"], strict=True) if a != b), None):
        return f"{changed} has changed since"
    # As a file of JSON has them: a tuple is a list there.
    asked, asked_before = json.loads(json.dumps(now["asked"])), before["asked"]
    name = next((name for name in {**asked, **asked_before} if asked.get(name) != asked_before.get(name)), None)
    if name is None:
        return ""
    flag, value = f"--{name.replace('_', '-')}", asked_before.get(name)
    return f"was prepared with no {flag}" if value is None else f"was prepared with {flag} {value}"


def _prepare_whole(task: AnyTask, config: TrainingConfig, writer: FolderWriter, notes: list[str]) -> dict[str, Any]:
    """Data that fit into memory: with exactly the splits, and checks, of a run on them."""
    splits: Splits[Any] = task.read(config, notes)
    stop_at_problems(task, splits, notes, getattr(config, "data", None))
    firsts = _write(writer, splits)
    amounts = {name: task.size(getattr(splits, name)) for name in SPLIT_NAMES}
    facts = {"fingerprint": fingerprint(task, splits), "firsts": firsts, "notes": notes}
    return writer.complete({**facts, **_about(task, task.recipe(config, splits))}, amounts)


def _about(task: AnyTask, config: TrainingConfig) -> dict[str, Any]:
    return {"task": task.name, "version": __version__, "options": dict(options_read(task, config))}


def _write(writer: FolderWriter, splits: Splits[Any]) -> list[int]:
    """Writes all examples; returns the numbers of those in training that are the first with a label."""
    firsts = dict[str, int]()
    for name in SPLIT_NAMES:
        for example in getattr(splits, name):
            number = writer.add(name, example)
            if name == "train":
                remember_labels(firsts, example, number)
    return sorted(set(firsts.values()))
