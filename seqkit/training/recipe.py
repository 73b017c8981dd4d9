"""The recipe: how long, in what batches and with how much patience to train, from how many examples there are.

No rule looks at what the data are called. A value that somebody sets stands; so does one that a task gives without
:func:`~seqkit.config.from_data`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from seqkit.config import FromData, TrainingConfig

C = TypeVar("C", bound=TrainingConfig)

_LEAST_BATCH, _MOST_BATCH = 16, 64
_STEPS_IN_EPOCH = 48
"""A batch grows while an epoch keeps at least so many steps."""
_STEPS = 1700
"""Steps of a training, about: on 300 to 7,500 reviews the best model came before them, whatever the size."""
_LEAST_EPOCHS, _MOST_EPOCHS = 8, 60


def training_recipe(config: C, train: int) -> C:
    """The configuration for so many training examples, where its defaults follow from the data.

    - ``batch_size``: the largest of 16, 32, 64 with 48 steps an epoch or more;
    - ``epochs``: those that take about 1,700 steps, between 8 and 60;
    - ``patience``: a fifth of the epochs, 3 at least.
    """
    batch = _derived(config, "batch_size", _batch_size(train))
    epochs = _derived(config, "epochs", max(_LEAST_EPOCHS, min(_MOST_EPOCHS, round(_STEPS * batch / max(1, train)))))
    values: dict[str, Any] = {
        "batch_size": batch,
        "epochs": epochs,
        "patience": _derived(config, "patience", max(3, epochs // 5)),
    }
    return dataclasses.replace(config, **values)


def _batch_size(train: int) -> int:
    batch = _LEAST_BATCH
    while batch < _MOST_BATCH and train // (2 * batch) >= _STEPS_IN_EPOCH:
        batch *= 2
    return batch


def _derived(config: TrainingConfig, name: str, value: Any) -> Any:
    """The value of an option: what follows from the data, unless somebody has set it."""
    current = getattr(config, name)
    return value if isinstance(current, FromData) else current
