"""Examines data before anyone trains on them: what is wrong, what is odd, and what a training would cost here."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from seqkit.checks.finding import Finding
from seqkit.checks.splits import check_splits, label_counts
from seqkit.config import TrainingConfig
from seqkit.data import Splits
from seqkit.doctor.data_under_test import DataUnderTest
from seqkit.doctor.encoding import examine_encoding
from seqkit.doctor.report import Report
from seqkit.doctor.timing import estimate_cost
from seqkit.errors import SeqkitError
from seqkit.machine import resident
from seqkit.tables import Table
from seqkit.topologies import AnyCodec, AnyTask

_TRIED = 100
"""Examples that batches are made of, to see whether they can be"""


def examine(task: AnyTask, config: TrainingConfig, seconds: float = 3.0) -> Report:
    """Everything about the data of a configuration; nothing is kept.

    A table of more than 16 MB is read once from end to end in constant memory, and rows of it, drawn at random, are
    then read as the task reads them. ``seconds`` of training are timed; 0: none.
    """
    report = Report([], {"task": task.name}, [])
    with tempfile.TemporaryDirectory(prefix="seqkit-doctor-") as folder:
        data = DataUnderTest(task, config, Path(folder), report)
        memory_before = resident()
        splits = data.read()
        if splits is not None:
            _examine_splits(task, splits, report)
            config = data.config if seconds else task.without_counts(data.config)
            config, codec = _learn_codec(task, config, splits, report)
            if codec is not None:
                examine_encoding(task, codec, splits, report)
                if seconds:
                    estimate_cost(
                        task, config, codec, splits, report,
                        seconds=seconds, scale=data.scale, memory_before=memory_before,
                    )  # fmt: skip
            if codec is not None and "estimate" not in report.facts:
                _try_batches(task, config, codec, splits, report)
        data.restore_names()
    return report


def _examine_splits(task: AnyTask, splits: Splits[Any], report: Report) -> None:
    known = {(finding.where, finding.what) for finding in report.findings}
    report.findings += [found for found in check_splits(task, splits) if (found.where, found.what) not in known]
    sizes = {split.name: task.size(getattr(splits, split.name)) for split in dataclasses.fields(splits)}
    report.facts["parts"] = {name: count for name, (count, _) in sizes.items()}
    counts = label_counts(splits.train)
    report.facts["labels"] = dict(counts)
    if counts:
        total = counts.total()
        rows = [[label, count, f"{count / total:.1%}"] for label, count in counts.most_common(20)]
        report.tables.append(Table(f"Labels of the training split ({len(counts)})", ["label", "count", "share"], rows))


def _learn_codec(
    task: AnyTask, config: TrainingConfig, splits: Splits[Any], report: Report
) -> tuple[TrainingConfig, AnyCodec | None]:
    """The codec, and the configuration that follows from the splits."""
    try:
        config = task.recipe(config, splits)
        codec: AnyCodec = task.learn_codec(config, splits.train)
        return config, codec
    except SeqkitError as error:
        report.findings.append(Finding.of(error))
        return config, None


def _try_batches(task: AnyTask, config: TrainingConfig, codec: AnyCodec, splits: Splits[Any], report: Report) -> None:
    """Whether there are batches to train on: a text may be too short for one."""
    try:
        items = [codec.encode(task.input_of(example), example) for example in splits.train[:_TRIED]]
        task.batches(codec, items, config)
    except SeqkitError as error:
        report.findings.append(Finding.of(error))
