"""Training: configuration, loop, checkpoints, and the contract of a task."""

from seqkit.training.config import TrainingConfig, make_config, option, options_of
from seqkit.training.task import Codec, Table, Task
from seqkit.training.trainer import Callback, Evaluation, Progress, Stopped, Trainer

__all__ = [
    "Callback",
    "Codec",
    "Evaluation",
    "Progress",
    "Stopped",
    "Table",
    "Task",
    "Trainer",
    "TrainingConfig",
    "make_config",
    "option",
    "options_of",
]
