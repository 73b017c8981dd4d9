"""Runs: a directory with one trained model and everything about it."""

from __future__ import annotations

import warnings
from typing import Any

from seqkit.runs.directory import RunDirectory
from seqkit.runs.model import Model, load
from seqkit.runs.outcome import RunOutcome
from seqkit.runs.predictor import Predictor
from seqkit.runs.session import Session, resume, start
from seqkit.runs.tasks import available_tasks, find_task
from seqkit.runs.training import Training
from seqkit.runs.transfer import start_from

__all__ = [
    "Model",
    "Predictor",
    "RunDirectory",
    "RunOutcome",
    "Session",
    "Training",
    "available_tasks",
    "find_task",
    "load",
    "resume",
    "start",
    "start_from",
]


def __getattr__(name: str) -> Any:
    if name == "Outcome":
        warnings.warn(
            "'seqkit.runs.Outcome' is deprecated and goes away in seqkit 0.4; use 'seqkit.runs.RunOutcome'",
            DeprecationWarning,
            stacklevel=2,
        )
        return RunOutcome
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
