"""From a data set to its three splits in memory, which stay the same for every size and seed."""

from __future__ import annotations

import csv
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.suite.datasets import DataSet, SplitFiles
from benchmarks.suite.subsets import (
    CaptionedPictures,
    Clips,
    ExampleKind,
    LabelledTexts,
    LabelledVectors,
    Pairs,
    PunctuatedText,
    RunningText,
    TaggedSentences,
)
from seqkit.commands.run import config_values
from seqkit.config import TrainingConfig, make_config, options_of
from seqkit.data import Splits
from seqkit.data.corpus import Stretch
from seqkit.data.frames import LabelledClip
from seqkit.data.pairs import Pair
from seqkit.data.pictures import Captioned
from seqkit.data.punctuation import MARKED
from seqkit.data.tagged import Sentence
from seqkit.runs import find_task
from seqkit.topologies import AnyTask

_TABLES = {"iris": "load_iris", "wine": "load_wine", "breast-cancer": "load_breast_cancer"}
"""Tables of scikit-learn that no task knows by name."""
_KINDS: dict[type, type[ExampleKind]] = {
    Pair: Pairs,
    Stretch: RunningText,
    LabelledClip: Clips,
    Captioned: CaptionedPictures,
    Sentence: TaggedSentences,
}


class Prepared(NamedTuple):
    """The splits of a data set, and how subsets of them are drawn and written."""

    splits: Splits[Any]
    kind: ExampleKind

    @property
    def sizes(self) -> dict[str, int]:
        """How many examples each split has."""
        return {entry.name: self.kind.count(getattr(self.splits, entry.name)) for entry in fields(self.splits)}


def prepare(data: DataSet, folder: Path) -> Prepared:
    """Reads a data set; splits that have no file are split off with seed 0, whatever the seed of a run.

    Files that have to be made first are put in the folder.
    """
    task = find_task(data.task)
    if data.files is None and data.name in _TABLES:
        data = replace(data, files=SplitFiles(_write_table(data.name, folder)))
    config = _reading_config(task, data)
    splits = task.read(config, [])
    if data.files and "test_data" not in options_of(task.config):
        splits = _given_splits(task, config, data.files, splits)
    return Prepared(splits, _kind_of(task, config, splits))


def _reading_config(task: AnyTask, data: DataSet) -> TrainingConfig:
    files = data.files or SplitFiles(Path(data.name))
    known = options_of(task.config)
    named = {"data": files.train, "valid_data": files.valid, "test_data": files.test}
    flags = {name: str(path) for name, path in named.items() if path and name in known}
    settings = tuple(f"{name}={value}" for name, value in data.reading.items())
    config: TrainingConfig = make_config(task.config, config_values(task, None, settings, flags))
    return config


def _given_splits(task: Any, config: Any, files: SplitFiles, own: Splits[Any]) -> Splits[Any]:
    """The splits of a task that by itself only splits at random: what has a file comes from there."""

    def read(path: Path | None) -> list[Any]:
        return task.read_source(replace(config, data=str(path)), []) if path else []

    valid, test = read(files.valid), read(files.test)
    train = [*own.train, *(own.valid if valid else ()), *(own.test if test else ())]
    return Splits(train, valid or own.valid, test or own.test)


def _kind_of(task: Any, config: TrainingConfig, splits: Splits[Any]) -> ExampleKind:
    kind = type(splits.train[0])
    if kind is Sentence and task.scheme_of(config, splits.train) == MARKED:
        return PunctuatedText()
    if kind in _KINDS:
        return _KINDS[kind]()
    return LabelledVectors(tuple(task.feature_names(config))) if task.topology == "one to one" else LabelledTexts()


def _write_table(name: str, folder: Path) -> Path:
    """A table of scikit-learn as CSV."""
    from sklearn import datasets

    table = getattr(datasets, _TABLES[name])()
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*table.feature_names, "label"])
        labels = (table.target_names[number] for number in table.target)
        writer.writerows([*row, label] for row, label in zip(table.data.tolist(), labels, strict=True))
    return path
