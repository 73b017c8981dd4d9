"""Training the models of lessons in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seqkit.config import make_config
from seqkit.data import Splits
from seqkit.runs import Model, Training, find_task
from seqkit.runs.training import learn_codec
from seqkit.training.trainer import BestWeights


class Trained(NamedTuple):
    """A trained model, its scores on the validation split after each epoch, and the splits."""

    model: Model
    history: Sequence[Mapping[str, Any]]
    splits: Splits[Any]


def train(task_name: str, splits: Splits[Any] | None = None, **options: Any) -> Trained:
    """Trains a task with those options in memory: on its own data, or on other splits."""
    task = find_task(task_name)
    config = make_config(task.config, options)
    splits = task.read(config, []) if splits is None else splits
    config = task.recipe(config, splits)
    training, best = Training(task, config, learn_codec(task, config, splits), splits), BestWeights()
    training.begin([])
    training.train([best])
    training.head.load_state_dict(best.weights)
    training.head.eval()
    return Trained(training.model(), training.trainer.progress.history, splits)
