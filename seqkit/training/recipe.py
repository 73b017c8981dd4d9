"""The recipe: how long, in what batches and with how much patience to train, from how many examples there are.

No rule looks at what the data are called. A value that somebody sets is kept; so is one that a task gives without
:func:`~seqkit.config.from_data`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from seqkit.config import FromData, TrainingConfig, plain

C = TypeVar("C", bound=TrainingConfig)

_STEPS_IN_EPOCH = 48
"""A batch grows while an epoch keeps at least this many steps."""
_MINUTES = 10.0
"""A training that still improves after its epochs continues for so long, in all."""
_STEPS_OF_AVERAGE = 200, 2000
"""The moving average of the weights spans so many steps at least and at most."""


@dataclass(frozen=True)
class Recipe:
    """The rules of a topology: they give the options that nobody has set.

    - the batch: the largest of ``least_batch``, twice that, … ``most_batch`` with 48 steps an epoch or more;
    - ``epochs``: those that take about ``steps`` steps, between ``least_epochs`` and ``most_epochs``;
    - ``patience``: a fifth of the epochs, or another part of them, 3 at least;
    - ``minutes``: 10 if the epochs are not set and the learning rate does not fall to 0 in them, else 0;
    - ``average``: the decay whose average spans ``averaged_epochs``, from 200 to 2,000 steps; 200 if the learning rate
      falls to 0.

    Args:
        steps: of a training, about.
        least_batch, most_batch: examples in a batch.
        least_epochs, most_epochs: passes over the training split.
        batch: the option that says how large a batch is.
        patience: which part of the epochs: 5 for a fifth.
        averaged_epochs: how many the moving average of the weights spans.
    """

    steps: int = 1700
    least_batch: int = 16
    most_batch: int = 64
    least_epochs: int = 8
    most_epochs: int = 60
    batch: str = "batch_size"
    patience: int = 5
    averaged_epochs: float = 0.0

    def apply(self, config: C, train: int) -> C:
        """The configuration for this many training examples."""
        batch = derived(config, self.batch, self._batch(train))
        wanted = round(self.steps * batch / max(1, train))
        epochs = derived(config, "epochs", max(self.least_epochs, min(self.most_epochs, wanted)))
        values: dict[str, Any] = {
            self.batch: batch,
            "epochs": epochs,
            "patience": derived(config, "patience", max(3, epochs // self.patience)),
            "minutes": derived(config, "minutes", _MINUTES if _may_go_on(config) else 0.0),
            "average": derived(config, "average", self._average(config, train / (batch * config.accumulate))),
        }
        return dataclasses.replace(config, **values)

    def _batch(self, train: int) -> int:
        batch = self.least_batch
        while batch < self.most_batch and train // (2 * batch) >= _STEPS_IN_EPOCH:
            batch *= 2
        return batch

    def _average(self, config: TrainingConfig, steps_in_epoch: float) -> float:
        least, most = _STEPS_OF_AVERAGE
        # A rate that falls to 0 brings the weights to rest by itself.
        wanted = self.averaged_epochs * steps_in_epoch if config.schedule == "constant" else 0
        return round(1 - 1 / min(most, max(least, round(wanted))), 6)


def _may_go_on(config: TrainingConfig) -> bool:
    return isinstance(config.epochs, FromData) and config.schedule == "constant"


def derived(config: TrainingConfig, name: str, value: Any) -> Any:
    """The value of an option: ``value``, which follows from the data, unless somebody has set it.

    If ``value`` is None, the data ask for nothing else than what the option has anyway.
    """
    current = getattr(config, name)
    if not isinstance(current, FromData):
        return current
    return plain(current) if value is None else value
