"""The runs of the suite: which there are, and how one is carried out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.suite.datasets import DataSet
from benchmarks.suite.reading import Prepared, prepare
from benchmarks.suite.results import Entry, environment
from seqkit.config import options_of, parse_setting
from seqkit.errors import SeqkitError, unknown
from seqkit.files import read_json
from seqkit.runs import RunDirectory, find_task

ALL = "all"
"""The size of a run on the whole training split."""
_SUBSET = "subset"
_ROOT = Path(__file__).parents[2]


class Request(NamedTuple):
    """A run that is wanted."""

    data: DataSet
    size: str
    """How many training examples, or :data:`ALL`"""
    seed: int

    def __str__(self) -> str:
        return f"{self.data.name} {self.size}, seed {self.seed}"


def plan(data_sets: Sequence[DataSet], sizes: Sequence[str], seeds: int) -> list[Request]:
    """Every data set and size with the first seed, then with the next: the whole table is there early."""
    return [Request(data, size, seed) for seed in range(seeds) for data in data_sets for size in sizes]


def settings_of(task: str, settings: Sequence[str]) -> tuple[str, ...]:
    """Those of the settings that are options of the task, checked."""
    config = find_task(task).config
    known = [text for text in settings if text.partition("=")[0].strip().replace("-", "_") in options_of(config)]
    for text in known:
        parse_setting(config, text)
    return tuple(known)


def check_settings(tasks: Sequence[str], settings: Sequence[str]) -> None:
    """Raises :class:`UsageError` for a setting that is no option of any of the tasks."""
    known = {name for task in tasks for name in options_of(find_task(task).config)}
    for name in (text.partition("=")[0].strip().replace("-", "_") for text in settings):
        if name not in known:
            raise unknown("option", name, known)


class Runner:
    """Carries out runs one at a time; data sets are read once, and their files lie in a temporary folder."""

    def __init__(self, folder: Path, settings: Sequence[str], split: str) -> None:
        self.folder, self.settings, self.split = folder, settings, split
        self._prepared: dict[str, Prepared] = {}
        self._paths: dict[Path, Path] = {}

    def prepared(self, data: DataSet) -> Prepared:
        """The splits of a data set, read when they are first asked for."""
        if data.name not in self._prepared:
            folder = self._folder_of(data)
            folder.mkdir(parents=True, exist_ok=True)
            self._prepared[data.name] = prepare(data, folder)
        return self._prepared[data.name]

    def splits_of(self, data: DataSet) -> dict[str, int]:
        """How many examples each split of a data set has."""
        return self.prepared(data).sizes

    def run(self, request: Request) -> tuple[Entry, dict[str, Any]]:
        """The result of a run and its environment; raises :class:`SeqkitError` with the reason if it fails."""
        began = time.perf_counter()
        run, facts = self._train(request)
        seconds = round(time.perf_counter() - began, 2)
        results = read_json(run.results)
        metric = results["metric"]
        entry = {
            "task": request.data.task,
            "metric": metric,
            "better": results["better"],
            "model": results["test"][metric],
            "baseline": results["baseline"][metric],
            "wall_seconds": seconds,
            "splits": self.splits_of(request.data),
            "results": results,
        }
        return entry, environment(facts)

    def _train(self, request: Request) -> tuple[RunDirectory, dict[str, Any]]:
        """A process of its own trains and scores; what it made, and the facts of it."""
        out = self.folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        asked = {
            "task_name": request.data.task,
            "files": {name: str(path) for name, path in self.files(request)},
            "settings": settings_of(request.data.task, self.settings),
            "seed": request.seed,
            "out": str(out),
        }
        command = [sys.executable, "-m", "benchmarks.suite.single", json.dumps(asked)]
        done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SeqkitError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        return RunDirectory.open(out)

    def files(self, request: Request) -> Iterator[tuple[str, Path]]:
        """The option that names each file, and the file.

        The scored split is always whole. A subset is all that a run gets beside it, and is split by the run itself as
        anybody's file is; the validation split of the data goes with the whole training split, unless it is scored.
        """
        splits, kind = self.prepared(request.data)
        whole = request.size == ALL
        train = splits.train if whole else kind.draw(splits.train, int(request.size), request.seed)
        yield kind.data_option, self._written(request, "train" if whole else _SUBSET, train)
        yield "test_data", self._written(request, self.split, getattr(splits, self.split))
        if whole and self.split == "test":
            yield "valid_data", self._written(request, "valid", splits.valid)

    def _written(self, request: Request, name: str, examples: Sequence[Any]) -> Path:
        """The file of these examples; splits are written once, subsets each time."""
        folder = self._folder_of(request.data) / name
        if name == _SUBSET or folder not in self._paths:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._paths[folder] = self.prepared(request.data).kind.write(examples, folder / name)
        return self._paths[folder]

    def _folder_of(self, data: DataSet) -> Path:
        return self.folder / "data" / data.name
