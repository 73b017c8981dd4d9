"""The option of the commands that train: which trackers see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

LOG: dict[str, Any] = {
    "type": click.Choice(["tensorboard", "mlflow", "wandb", "trackio"]),
    "multiple": True,
    "help": "Send options and evaluations to an installed tracker. Repeatable.",
}
"""The settings of ``--log``"""


def log_option(function: F) -> F:
    """Adds ``--log``, which the function takes as ``trackers``."""
    return click.option("--log", "trackers", **LOG)(function)
