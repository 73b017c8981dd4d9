"""Training: the loop, its batches and checkpoints, the learning rate, the moving average of the weights."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

from seqkit.config import TrainingConfig, make_config, option, options_of
from seqkit.training.batches import Batches, Chunk, EpochBatches, StreamBatches
from seqkit.training.recipe import Recipe
from seqkit.training.trainer import Callback, Evaluation, Progress, Stopped, Trainer

__all__ = [
    "Batches",
    "Callback",
    "Chunk",
    "EpochBatches",
    "Evaluation",
    "Progress",
    "Recipe",
    "Stopped",
    "StreamBatches",
    "Trainer",
    "TrainingConfig",
    "make_config",
    "option",
    "options_of",
]

_MOVED = {"Codec": "seqkit.topologies", "Task": "seqkit.topologies", "Table": "seqkit.tables"}
"""Names of 0.1 that have a home of their own; they are found here until 0.4."""


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        home = _MOVED[name]
        warnings.warn(
            f"seqkit.training.{name} is deprecated and goes away in seqkit 0.4; use {home}.{name}",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(home), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
