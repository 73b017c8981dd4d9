"""Training: configuration, loop, checkpoints, and the contract of a task."""

from seqkit.training.batches import Batches, Chunk, EpochBatches, StreamBatches
from seqkit.training.config import TrainingConfig, make_config, option, options_of
from seqkit.training.task import Codec, Evaluation, Table, Task
from seqkit.training.trainer import Callback, Progress, Stopped, Trainer

__all__ = [
    "Batches",
    "Callback",
    "Chunk",
    "Codec",
    "EpochBatches",
    "Evaluation",
    "Progress",
    "Stopped",
    "StreamBatches",
    "Table",
    "Task",
    "Trainer",
    "TrainingConfig",
    "make_config",
    "option",
    "options_of",
]
