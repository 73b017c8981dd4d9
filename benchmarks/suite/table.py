"""The table of the suite: model beside baseline for each data set and size, as Markdown."""

from __future__ import annotations

import inspect
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.suite.results import Entry
from seqkit.runs import find_task

BELOW, EQUAL, ABOVE = "below", "equal", "above"
_COLUMNS = ("data", "task", "size", "seeds", "metric", "model", "baseline", "verdict", "seconds")


class Row(NamedTuple):
    """One data set at one size, over seeds."""

    data: str
    task: str
    size: str
    metric: str
    better: str
    model: list[float]
    baseline: list[float]
    seconds: list[float]

    @property
    def verdict(self) -> str:
        """Whether the model is below, equal to or above its baseline.

        Equal: the mean of the differences, seed by seed, is no larger than their standard deviation.
        """
        sign = 1 if self.better == "higher" else -1
        differences = [sign * (one - other) for one, other in zip(self.model, self.baseline, strict=True)]
        mean = statistics.mean(differences)
        if abs(mean) <= _deviation(differences):
            return EQUAL
        return ABOVE if mean > 0 else BELOW


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """A row for each data set and size, in the order in which they come first."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry["data"], entry["size"]), []).append(entry)
    return [_row(group) for group in groups.values()]


def _row(entries: Sequence[Entry]) -> Row:
    """The row of all runs on one data set at one size."""
    names = (entries[0][name] for name in ("data", "task", "size", "metric", "better"))
    values = ([entry[name] for entry in entries] for name in ("model", "baseline", "wall_seconds"))
    return Row(*names, *values)


def markdown(entries: Sequence[Entry], environments: Mapping[str, Mapping[str, Any]]) -> str:
    """The table, how many rows are below their baseline, what the baselines are, and where all this was measured."""
    rows = rows_of(entries)
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in (ABOVE, EQUAL, BELOW)}
    places = dict.fromkeys((entry["code"], entry["environment"]) for entry in entries)
    split = "validation" if any(entry["split"] == "valid" for entry in entries) else "test"
    lines = [
        f"Scores on the {split} split, mean ± standard deviation over seeds. Of {len(rows)} rows "
        f"{counts[ABOVE]} are above their baseline, {counts[EQUAL]} equal, {counts[BELOW]} below.\n",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
        *map(_line, rows),
        "",
        *(f"- Baseline of {task}: {baseline_of(task)}" for task in dict.fromkeys(row.task for row in rows)),
        *(f"- {options}" for options in sorted({f"Options: {e['options']}" for e in entries if e["options"]})),
        *(_where(code, environments[place]) for code, place in places),
    ]
    return "\n".join(lines) + "\n"


def baseline_of(task: str) -> str:
    """The name of a task's baseline: what its documentation says first."""
    return (inspect.getdoc(find_task(task).predict_baseline) or "").partition("\n")[0]


def _line(row: Row) -> str:
    verdict = f"**{row.verdict}**" if row.verdict == BELOW else row.verdict
    metric = row.metric if row.better == "higher" else f"{row.metric} (lower is better)"
    cells = (row.data, row.task, row.size, str(len(row.model)), metric, _spread(row.model), _spread(row.baseline))
    return f"| {' | '.join(cells)} | {verdict} | {statistics.mean(row.seconds):.0f} |"


def _spread(values: Sequence[float]) -> str:
    """``0.812 ± 0.004``; scores out of a hundred with one digit."""
    digits = 1 if max(map(abs, values)) >= 10 else 3
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {_deviation(values):.{digits}f}" if len(values) > 1 else mean


def _deviation(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _where(code: str, place: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in place["versions"].items())
    return (
        f"- Measured on {place['processor']}, {place['cores']} cores, {place['threads']} threads; "
        f"Python {place['python']}, {versions}; code {code}."
    )
