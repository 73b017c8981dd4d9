"""Training: the loop with its batches, checkpoints, learning rates and moving average; what a head learns by."""

from __future__ import annotations

from seqkit.config import TrainingConfig, make_config, option, options_of
from seqkit.training.batches import Batches, Chunk, EpochBatches, StreamBatches
from seqkit.training.trainer import Callback, Evaluation, Progress, Stopped, Trainer

__all__ = [
    "Batches",
    "Callback",
    "Chunk",
    "EpochBatches",
    "Evaluation",
    "Progress",
    "Stopped",
    "StreamBatches",
    "Trainer",
    "TrainingConfig",
    "make_config",
    "option",
    "options_of",
]
