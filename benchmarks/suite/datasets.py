"""The data sets of the suite: those that pip brings and scikit-learn ships, and files that somebody names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from seqkit.data import SourceLocation, read_records
from seqkit.data.readers import FORMATS, choose_column
from seqkit.errors import UsageError, unknown
from seqkit.runs import available_tasks, find_task

BUILT_IN = {
    "rotten-tomatoes": "sentiment",
    "imdb": "sentiment",
    "digits": "digit",
    "iris": "digit",
    "wine": "digit",
    "breast-cancer": "digit",
    "turkish-pos": "tag",
    "punctuation": "tag",
    "jupyterlab-fr": "translate",
    "cmudict": "g2p",
    "strips": "frames",
    "python-reference": "charlm",
    "glyphs": "caption",
}
"""Data sets that need no path, and their tasks."""
_TAGGED = (".conllu", ".conll", ".bio", ".bioes", ".iob", ".iob2")
_SPLIT_WORDS = {"train": {"train", "training"}, "valid": {"dev", "valid", "validation", "val"}, "test": {"test"}}
"""What the name of a file says about the split in it."""


class SplitFiles(NamedTuple):
    """Files or folders of the training, validation and test split; what is None is split off from the training file."""

    train: Path
    valid: Path | None = None
    test: Path | None = None


@dataclass(frozen=True)
class DataSet:
    """A data set, its task, and where it lies."""

    name: str
    task: str
    files: SplitFiles | None = None
    """None: the name alone says what is read"""
    reading: Mapping[str, str] = field(default_factory=dict)
    """Options of the task that say how files are read, such as the names of columns"""

    @cached_property
    def digest(self) -> str:
        """Of all its files, so that no result outlives a change of the data; empty for a data set without a path."""
        digest = hashlib.blake2b(digest_size=8)
        for root in filter(None, self.files or ()):
            for path in sorted(p for p in (root.rglob("*") if root.is_dir() else [root]) if p.is_file()):
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
        return digest.hexdigest() if self.files else ""


def choose(named: Sequence[str], tasks: Sequence[str]) -> list[DataSet]:
    """The data sets that ``--data`` names, or all built-in ones; of these, those of the tasks, if some are named.

    Raises :class:`UsageError` for an unknown task, for a name that is used twice and if no data set is left.
    """
    for task in tasks:
        if task not in available_tasks():
            raise unknown("task", task, available_tasks())
    data_sets = [parse(text, tasks) for text in named or BUILT_IN]
    names = [data.name for data in data_sets]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two data sets are called {double}; give each a name of its own")
    chosen = [data for data in data_sets if not tasks or data.task in tasks]
    if not chosen:
        raise UsageError(f"none of these data sets is for {', '.join(tasks)}; leave out --tasks, or name others")
    return chosen


def parse(text: str, tasks: Sequence[str] = ()) -> DataSet:
    """``NAME``, or ``NAME[:TASK]=TRAIN``, ``TRAIN:TEST``, ``TRAIN:VALID:TEST`` or a folder with a file for each.

    The task is the only one of ``tasks``, if it is one alone, else what the training file looks like. Raises
    :class:`UsageError` for a name or task that does not exist, files that are not there and a task that is unclear.
    """
    name, equals, joined = text.partition("=")
    name, _, task = name.partition(":")
    if not equals:
        if name not in BUILT_IN:
            raise UsageError(f"{unknown('data set', name, BUILT_IN)}; or give its files: --data {name}=FILE")
        return DataSet(name, BUILT_IN[name])
    if not re.fullmatch(r"[\w-]+", name):
        raise UsageError(f"a data set cannot be called {name!r:.80}; use letters, digits, - and _")
    files = _split_files(name, joined)
    task = task or (tasks[0] if len(tasks) == 1 else _guess_task(name, files.train))
    find_task(task)
    return DataSet(name, task, files)


def _split_files(name: str, joined: str) -> SplitFiles:
    paths = [Path(part).expanduser().absolute() for part in joined.split(":")]
    for path in paths:
        if not path.exists():
            raise UsageError(f"--data {name}: no file {path}; check the path")
    if len(paths) == 1:
        return _files_inside(name, paths[0]) if paths[0].is_dir() else SplitFiles(paths[0])
    if len(paths) == 2:
        return SplitFiles(paths[0], None, paths[1])
    if len(paths) == 3:
        return SplitFiles(*paths)
    raise UsageError(f"--data {name} names {len(paths)} files; give TRAIN, TRAIN:TEST or TRAIN:VALID:TEST")


def _files_inside(name: str, folder: Path) -> SplitFiles:
    """The files of a folder whose names say which split they are; the folder itself if none says ``train``."""
    inside: dict[str, list[Path]] = {split: [] for split in _SPLIT_WORDS}
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        words = set(re.split(r"[^a-z]+", file.stem.lower()))
        for split in (split for split, meant in _SPLIT_WORDS.items() if words & meant):
            inside[split].append(file)
    if not inside["train"]:
        return SplitFiles(folder)
    for split, files in inside.items():
        # A treebank brings its texts as .txt beside the trees.
        inside[split] = [file for file in files if file.suffix == ".conllu"] or files
        if len(inside[split]) > 1:
            raise UsageError(f"{folder} has several files for {split}; name those meant: --data {name}=TRAIN:TEST")
    valid, test = (next(iter(inside[split]), None) for split in ("valid", "test"))
    return SplitFiles(inside["train"][0], valid, test)


def _guess_task(name: str, path: Path) -> str:
    """The task of a file whose form leaves no doubt; raises :class:`UsageError` for any other."""
    if path.suffix.lower() in _TAGGED:
        return "tag"
    if path.suffix.lower() in FORMATS and _has_labelled_texts(path):
        return "sentiment"
    raise UsageError(f"cannot tell which task {path} is for; say it: --data {name}:TASK={path.name}")


def _has_labelled_texts(path: Path) -> bool:
    columns, header = list(next(read_records(path)).values), SourceLocation(str(path), 1)
    try:
        return len({choose_column(columns, None, kind, header) for kind in ("text", "label")}) == 2
    except UsageError:
        return False
