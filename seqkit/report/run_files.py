"""The files of a finished run that its page is made of, read and checked."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from seqkit.config import TrainingConfig
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import json_bytes, read_json, read_json_lines
from seqkit.report.findings import FORMAT, gather_again
from seqkit.runs.directory import RunDirectory
from seqkit.runs.ensemble import check_test_split
from seqkit.runs.model import is_ensemble, open_run
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.schemas import EPOCH, FINDINGS, RESULTS
from seqkit.schema import Whole, check_schema

_TRAINING = ("best_epoch", "epochs")
"""Of every run but an ensemble, which is not trained"""
_RECORD = {"epoch", "loss", "train_loss"}


class RunFiles(NamedTuple):
    """What a page is made of."""

    run: RunDirectory
    facts: dict[str, Any]
    """``run.json``"""
    config: TrainingConfig
    """``config.toml``"""
    results: dict[str, Any]
    """``results.json``"""
    history: list[dict[str, Any]]
    """``metrics.jsonl``: a record for each epoch"""
    findings: dict[str, Any]
    """``report.json``, see :mod:`seqkit.report.findings`"""


def read_run_files(path: Path, cell: GivenCell = None) -> RunFiles:
    """Reads what a page is made of; for a run without ``report.json``, that is made first, from its model and data.

    Raises :class:`UsageError` for a run that is unfinished, :class:`SeqkitError` naming the file that is damaged.
    """
    opened = open_run(path, cell)
    run = opened.run
    check_test_split(path)
    if not run.results.exists():
        raise UsageError(f"{path} has no results yet; finish it with `seqkit resume {quote(str(path))}`")
    trained = {} if is_ensemble(opened.facts) else {key: Whole(0, 2**62) for key in _TRAINING}
    results = read_json(run.results, {**RESULTS, **trained})
    if results["metric"] not in results["test"]:
        raise SeqkitError(f"{run.results} is damaged: its metric is not among its scores; restore it from a backup")
    if not run.findings.exists():
        content = json_bytes(gather_again(opened, results, cell))
        with run.writing():
            run.replace_file(run.findings.name, content, run.read_facts())
    findings = read_json(run.findings)
    if not isinstance(findings, dict) or findings.get("format") != FORMAT:
        raise SeqkitError(f"{run.findings} is damaged or of another version; delete it to have it rebuilt")
    history = _read_history(run)
    run.check_found(run.read_facts(), run.results.name, run.metrics.name, run.findings.name)
    _check_findings(findings, run.findings)
    return RunFiles(run, opened.facts, opened.config, results, history, findings)


def _check_findings(findings: dict[str, Any], file: Path) -> None:
    """The types, and that parts which belong together are of one size."""
    check_schema(findings, FINDINGS, file)
    parts, limits = findings["parts"].values(), findings["intervals"]["limits"].values()
    ragged = any(len(row) != len(entry["columns"]) for entry in findings["tables"] for row in entry["rows"])
    if ragged or any(len(pair) != 2 for pair in (*parts, *limits, *findings.get("baseline_intervals", {}).values())):
        raise SeqkitError(f"{file} is damaged: its parts do not fit together; delete it to have it rebuilt")


def _read_history(run: RunDirectory) -> list[dict[str, Any]]:
    if not run.metrics.exists():
        return []
    records = read_json_lines(run.metrics, EPOCH)
    return [record for record in records if record.keys() >= _RECORD]
