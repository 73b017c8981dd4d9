"""Runs: a directory with one trained model and all about it."""

from seqkit.runs.directory import RunDirectory
from seqkit.runs.model import Model, available_tasks, find_task, load
from seqkit.runs.session import Outcome, Session, resume, start
from seqkit.runs.training import Training
from seqkit.runs.transfer import start_from

__all__ = [
    "Model",
    "Outcome",
    "RunDirectory",
    "Session",
    "Training",
    "available_tasks",
    "find_task",
    "load",
    "resume",
    "start",
    "start_from",
]
