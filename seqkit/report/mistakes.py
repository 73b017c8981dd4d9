"""More of the worst mistakes than a run's report has, from its ``predictions.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqkit.errors import UsageError
from seqkit.files import read_json_lines
from seqkit.report.run_files import RunFiles

_TITLE = "Worst mistakes"


def with_mistakes(files: RunFiles, count: int) -> RunFiles:
    """The files with a table of this many mistakes, the most confident first.

    Raises :class:`UsageError` for a run whose predictions are not single labels, and for one of 0.2.0 and before.
    """
    records = read_json_lines(files.run.predictions)
    if not records or not all({"label", "truth", "confidence"} <= record.keys() for record in records):
        raise UsageError(f"{files.run.path} has no labels with their truth to list; leave out --mistakes")
    wrong = [record for record in records if record["label"] != record["truth"]]
    wrong.sort(key=_likelihood_of_truth)
    rows = [_row(record) for record in wrong[:count]]
    table = {"title": _TITLE, "columns": ["truth", "answer", "confidence", "line", "text"], "rows": rows}
    others = [entry for entry in files.findings["tables"] if entry["title"] != _TITLE]
    return files._replace(findings={**files.findings, "tables": [*others, table]})


def _likelihood_of_truth(record: Mapping[str, Any]) -> float:
    return float(record.get("probabilities", {}).get(record["truth"], 0.0))


def _row(record: Mapping[str, Any]) -> list[Any]:
    text = record["input"] if isinstance(record["input"], str) else " | ".join(map(str, record["input"]))
    line = Path(str(record.get("source", ""))).name.rpartition(":")[2]
    return [record["truth"], record["label"], f"{record['confidence']:.2f}", line, text]
