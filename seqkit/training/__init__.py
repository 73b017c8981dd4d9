"""Training: configuration, loop, checkpoints, and the contract of a task."""

from seqkit.training.batches import Batches, Chunk, EpochBatches, StreamBatches
from seqkit.training.config import TrainingConfig, make_config, option, options_of
from seqkit.training.task import Account, Codec, Evaluation, Table, Task, Watched
from seqkit.training.trainer import Callback, Progress, Stopped, Trainer

__all__ = [
    "Account",
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
    "Watched",
    "make_config",
    "option",
    "options_of",
]
