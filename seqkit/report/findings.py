"""What a report tells of a finished run, beyond its results: gathered once, where data and predictions are at hand."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from seqkit.config import TrainingConfig
from seqkit.data import Splits
from seqkit.errors import UsageError
from seqkit.files import read_json
from seqkit.layers import Head
from seqkit.machine import processor
from seqkit.runs.directory import RunDirectory
from seqkit.runs.model import load
from seqkit.runs.session import Outcome
from seqkit.scores.calibration import calibrate
from seqkit.scores.resampling import interval, resample
from seqkit.search import Sampling
from seqkit.tables import Table
from seqkit.topologies import AnyCodec, AnyTask, Generates
from seqkit.version import __version__

FORMAT = 1
"""Counts up when a report could not be made of an older file."""
_PICTURES = (".png", ".svg", ".jpg")
_FEWEST = 10
"""Of fewer examples a resample is mostly luck."""
_LONGEST = 600
"""Characters of a cell in a table, and of what a model writes."""


def gather(
    task: AnyTask,
    config: TrainingConfig,
    codec: AnyCodec,
    head: Head,
    splits: Splits[Any],
    outcome: Outcome,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of ``report.json``: what a report needs of data and predictions, so that it is made without them."""
    return {
        "format": FORMAT,
        "topology": task.topology,
        "summary": task.summary,
        "data": task.data_sets.get(getattr(config, "data", None) or "", ""),
        "parts": {part: task.size(getattr(splits, part)) for part in ("train", "valid", "test")},
        "versions": _versions(),
        "machine": processor(),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
        "notes": list(notes),
        "intervals": _intervals(task, outcome.predictions, splits.test, outcome.results, "test"),
        "baseline_intervals": _intervals(task, outcome.baseline, splits.test, outcome.results, "baseline")["limits"],
        "calibration": _calibration(task, outcome.predictions, splits.test),
        "tables": [_plain(table) for table in outcome.tables],
        "pictures": [name for name in outcome.pictures if name.endswith(_PICTURES)],
        "written": _written(task, codec, head, config),
    }


def gather_again(path: Path) -> dict[str, Any]:
    """The findings of a finished run that has none yet, from its model and its data."""
    run, _ = RunDirectory.open(path)
    model = load(path)
    notes: list[str] = []
    splits = model.task.read(model.config, notes)
    predictions = model.predict([model.task.input_of(example) for example in splits.test])
    pictures = sorted(file.name for file in path.iterdir() if file.suffix in _PICTURES)
    baseline = model.task.predict_baseline(model.config, splits)
    tables = model.task.tables(predictions, splits.test)
    outcome = Outcome(read_json(run.results), tables, predictions, baseline, pictures)
    return gather(model.task, model.config, model.codec, model.head, splits, outcome, notes)


def check_finished(path: Path) -> RunDirectory:
    """The folder of a run that has results; raises :class:`UsageError` for another."""
    run, _ = RunDirectory.open(path)
    if not run.results.exists():
        raise UsageError(f"{path} has no results yet; finish it with `seqkit resume {path}`")
    return run


def _intervals(
    task: AnyTask, predictions: Sequence[Any], examples: Sequence[Any], results: dict[str, Any], whose: str
) -> dict[str, Any]:
    pairs = zip(predictions, examples, strict=True)
    pieces = [piece for prediction, example in pairs for piece in task.resampling_units(prediction, example)]
    if len(pieces) < _FEWEST:
        return {"resamples": 0, "examples": len(pieces), "limits": {}, "samples": []}
    guessed, true = [p for p, _ in pieces], [e for _, e in pieces]
    found = resample(task.score, guessed, true, counts=task.score_counts(guessed, true))
    limits = {name: interval(values, results[whose][name]) for name, values in found.scores.items()}
    samples = [round(value, 9) for value in found.scores.get(results["metric"], [])]
    return {"resamples": found.resamples, "examples": found.examples, "limits": limits, "samples": samples}


def _calibration(task: AnyTask, predictions: Sequence[Any], examples: Sequence[Any]) -> dict[str, Any] | None:
    pairs = zip(predictions, examples, strict=True)
    answers = [answer for p, e in pairs for answer in task.confidences(p, e)]
    if not answers:
        return None
    found = calibrate(answers)
    return {"error": found.error, "answers": found.answers, "bins": [each._asdict() for each in found.bins]}


def _plain(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [str(column) for column in table.columns],
        "rows": [[_cell(value) for value in row] for row in table.rows],
    }


def _cell(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _written(task: AnyTask, codec: AnyCodec, head: Head, config: TrainingConfig) -> str | None:
    """What a model that writes texts writes of its own accord."""
    if not isinstance(task, Generates):
        return None
    sampling = Sampling(length=_LONGEST, temperature=0.8, seed=config.seed)
    return "".join(task.generate(head, codec, "", sampling, []))


def _versions() -> dict[str, str]:
    found = {"seqkit": __version__, "Python": platform.python_version()}
    for name in ("torch", "numpy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
