"""What a run has found when it is finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import Resampled
from seqkit.tables import Table


class RunOutcome(NamedTuple):
    """What a run has found when it is finished."""

    results: dict[str, Any]
    tables: list[Table]
    predictions: list[Any]
    """For the test split, in its order"""
    baseline: Sequence[Any]
    """What the simple conventional model predicts there"""
    pictures: list[str]
    """The names of the files that were drawn"""
    resampled: Resampled
    """The scores of the model on resamples of the test split ..."""
    baseline_resampled: Resampled
    """... and those of the baseline"""


def label_facts(scores: Mapping[str, LabelScore]) -> dict[str, Any]:
    """Precision, recall, F1 and support of each label, where the task has labels."""
    return {"labels": {label: score._asdict() for label, score in scores.items()}} if scores else {}
