"""How often a model is correct on short and long inputs, and on those with symbols that training has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from seqkit.runs.model import Model
from seqkit.tables import Table
from seqkit.topologies.codec import EncodingReport

_FEWEST = 20
"""Inputs, below which slices would be mostly luck"""
_QUARTERS = 4


class _Read(NamedTuple):
    """An input as the codec reads it, and its answers."""

    report: EncodingReport
    answers: int
    correct: int


def slices(model: Model, predictions: Sequence[Any], examples: Sequence[Any]) -> list[Table]:
    """Accuracy by length and by unknown symbols; nothing for a task whose answers are neither correct nor wrong."""
    task = model.task
    pairs = [(e, task.confidences(p, e)) for p, e in zip(predictions, examples, strict=True)]
    read = [
        _Read(report, len(answers), sum(correct for _, correct in answers))
        for example, answers in pairs
        if answers and (report := model.codec.encoding_report(task.input_of(example))) is not None
    ]
    if len(read) < _FEWEST:
        return []
    tables = [_by_length(read), _by_unknown(read)]
    return [table for table in tables if len(table.rows) > 1]


def _by_length(read: Sequence[_Read]) -> Table:
    """Four slices with about as many inputs each; inputs of one length are in one slice."""
    lengths = sorted(entry.report.symbols for entry in read)
    limits = sorted({lengths[len(lengths) * quarter // _QUARTERS - 1] for quarter in range(1, _QUARTERS + 1)})
    low, rows = lengths[0], []
    for high in limits:
        rows.append(_row(f"{low}–{high}" if high > low else str(low), read, _within(low, high)))
        low = high + 1
    return Table("By length of the input", ["symbols", "accuracy", "inputs"], rows)


def _within(low: int, high: int) -> Callable[[EncodingReport], bool]:
    return lambda report: low <= report.symbols <= high


def _by_unknown(read: Sequence[_Read]) -> Table:
    kinds: dict[str, Callable[[EncodingReport], bool]] = {
        "none": lambda report: not report.unknown,
        "1": lambda report: len(report.unknown) == 1,
        "2 or more": lambda report: len(report.unknown) > 1,
    }
    rows = [_row(name, read, chosen) for name, chosen in kinds.items()]
    return Table("By symbols not seen in training", ["unknown", "accuracy", "inputs"], [row for row in rows if row[2]])


def _row(name: str, read: Sequence[_Read], chosen: Callable[[EncodingReport], bool]) -> list[Any]:
    of_slice = [entry for entry in read if chosen(entry.report)]
    answers = sum(entry.answers for entry in of_slice)
    return [name, sum(entry.correct for entry in of_slice) / max(1, answers), len(of_slice)]
