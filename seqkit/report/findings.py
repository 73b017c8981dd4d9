"""What a report says of a finished run beyond its results: gathered once, where data and predictions are at hand."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from seqkit.data import Splits
from seqkit.data.prepared import learning_splits
from seqkit.machine import processor
from seqkit.report.slices import slices
from seqkit.runs.fingerprint import content_digest
from seqkit.runs.model import Model, OpenedRun, load_model
from seqkit.runs.outcome import RunOutcome
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.prepared import amount_of, read_splits
from seqkit.runs.verdict import resample_scores
from seqkit.scores.bounds import within_bounds
from seqkit.scores.calibration import calibrate
from seqkit.scores.resampling import Resampled, interval
from seqkit.search import Sampling
from seqkit.tables import Table
from seqkit.topologies import AnyTask, Generates
from seqkit.version import __version__

FORMAT = 1
"""Counts up when a report could not be made of an older file."""
_PICTURES = (".png", ".svg", ".jpg")
_LONGEST = 600
"""Characters of a cell in a table, and tokens that a model writes: the page is to be read, not searched."""


def gather(model: Model, splits: Splits[Any], outcome: RunOutcome, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The content of ``report.json``: what a report needs of data and predictions, so that it is made without them."""
    task, test, results = model.task, splits.test, outcome.results
    return {
        "format": FORMAT,
        "topology": task.topology,
        "summary": task.summary,
        "data": task.data_sets.get(getattr(model.config, "data", None) or "", ""),
        "test": content_digest(test),
        "parts": {split: amount_of(task, getattr(splits, split)) for split in ("train", "valid", "test")},
        "versions": _versions(),
        "machine": processor(),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
        "notes": list(notes),
        "intervals": _intervals(outcome.resampled, results["test"], results["metric"]),
        "baseline_intervals": _intervals(outcome.baseline_resampled, results["baseline"], results["metric"])["limits"],
        "calibration": _calibration(task, outcome.predictions, test),
        "tables": [_table_to_json(table) for table in _tables(model, outcome, test)],
        "pictures": [name for name in outcome.pictures if name.endswith(_PICTURES)],
        "written": _write_unprompted(model),
    }


def gather_again(opened: OpenedRun, results: dict[str, Any], cell: GivenCell = None) -> dict[str, Any]:
    """The content of ``report.json`` for a finished run that has none, from its model and its data."""
    model, notes = load_model(opened, cell=cell), list[str]()
    task = model.task
    splits = read_splits(task, model.config, notes)
    predictions = model.answers([task.input_of(example) for example in splits.test])
    # Runs of 0.2.0 and before do not name theirs.
    pictures = [*opened.facts.get("files", {})] or sorted(file.name for file in opened.run.path.iterdir())
    baseline = task.predict_baseline(model.config, learning_splits(splits))
    resampled, baseline_resampled = (resample_scores(task, p, splits.test) for p in (predictions, baseline))
    tables = task.tables(predictions, splits.test)
    outcome = RunOutcome(results, tables, predictions, baseline, pictures, resampled, baseline_resampled)
    return gather(model, splits, outcome, opened.facts.get("notes", notes))


def _intervals(resampled: Resampled, scores: Mapping[str, float], metric: str) -> dict[str, Any]:
    found = resampled.scores.items()
    limits = {name: within_bounds(name, interval(values, scores[name])) for name, values in found}
    samples = [round(value, 9) for value in resampled.scores.get(metric, [])]
    return {"resamples": resampled.resamples, "examples": resampled.examples, "limits": limits, "samples": samples}


def _calibration(task: AnyTask, predictions: Sequence[Any], examples: Sequence[Any]) -> dict[str, Any] | None:
    pairs = zip(predictions, examples, strict=True)
    answers = [answer for p, e in pairs for answer in task.confidences(p, e)]
    if not answers:
        return None
    calibration = calibrate(answers)
    # "sure" and "right": the names in files of every version.
    bins = [
        {"low": b.low, "high": b.high, "answers": b.answers, "sure": b.confidence, "right": b.accuracy}
        for b in calibration.bins
    ]
    return {"error": calibration.error, "answers": calibration.answers, "bins": bins}


def _tables(model: Model, outcome: RunOutcome, test: Sequence[Any]) -> list[Table]:
    """Those of the task, and before its mistakes the slices of the test split."""
    found = slices(model, outcome.predictions, test)
    return [*outcome.tables[:-1], *found, *outcome.tables[-1:]]


def _table_to_json(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [str(column) for column in table.columns],
        "rows": [[_cell_to_json(value) for value in row] for row in table.rows],
    }


def _cell_to_json(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _write_unprompted(model: Model) -> str | None:
    if not isinstance(model.task, Generates):
        return None
    # A little below 1, for text that reads better than the model's own distribution, yet does not repeat itself.
    sampling = Sampling(length=_LONGEST, temperature=0.8, seed=model.config.seed)
    return "".join(model.task.generate(model.head, model.codec, "", sampling, []))


def _versions() -> dict[str, str]:
    versions = {"seqkit": __version__, "Python": platform.python_version()}
    for name in ("torch", "numpy", "scikit-learn"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
