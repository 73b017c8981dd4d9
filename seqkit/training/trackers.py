"""Trackers of experiments, as callbacks: each evaluation is sent to a package that is installed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from seqkit.errors import UsageError
from seqkit.training.trainer import Callback, Trainer


class Sink(Protocol):
    """Where the numbers of a training go."""

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by name, after so many steps."""
        ...

    def close(self) -> None:
        """Nothing more is written."""
        ...


class Tracker(Callback):
    """Sends the numbers of each evaluation to a tracker, which is opened when the training starts."""

    def __init__(self, open_sink: Callable[[], Sink]) -> None:
        self.open_sink = open_sink
        self.sink: Sink | None = None

    def on_start(self, trainer: Trainer) -> None:
        """Opens it."""
        self.sink = self.open_sink()

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Sends every number of the record."""
        if self.sink is not None:
            numbers = {name: float(value) for name, value in record.items() if isinstance(value, (int, float))}
            self.sink.write(numbers, trainer.progress.step)

    def on_stop(self, trainer: Trainer) -> None:
        """Closes it."""
        if self.sink is not None:
            self.sink.close()


class TensorBoard:
    """Event files in a folder of the run: ``tensorboard --logdir RUN``."""

    def __init__(self, run: Path) -> None:
        writer = import_module("torch.utils.tensorboard").SummaryWriter
        self.writer = writer(str(run / "tensorboard"))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """A scalar for each name."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flushes the file."""
        self.writer.close()


class MLflow:
    """A run of MLflow, named like the folder; where it is kept is MLflow's own setting, such as MLFLOW_TRACKING_URI."""

    def __init__(self, run: Path) -> None:
        self.mlflow = import_module("mlflow")
        self.mlflow.start_run(run_name=run.name)

    def write(self, values: Mapping[str, float], step: int) -> None:
        """A metric for each name."""
        self.mlflow.log_metrics(dict(values), step=step)

    def close(self) -> None:
        """Ends the run."""
        self.mlflow.end_run()


class Logged:
    """A run of Weights & Biases or Trackio, whose calls are the same; the project is named seqkit."""

    def __init__(self, package: str, run: Path) -> None:
        self.package = import_module(package)
        self.package.init(project="seqkit", name=run.name)

    def write(self, values: Mapping[str, float], step: int) -> None:
        """All values as one entry."""
        self.package.log(dict(values), step=step)

    def close(self) -> None:
        """Ends the run."""
        self.package.finish()


TRACKERS: dict[str, Callable[[Path], Sink]] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "wandb": lambda run: Logged("wandb", run),
    "trackio": lambda run: Logged("trackio", run),
}
"""By the name of the package"""


def tracker(name: str, run: Path) -> Tracker:
    """The tracker of that name for a run in that folder; raises :class:`UsageError` where its package is missing."""
    try:
        import_module(name)
    except ImportError:
        raise UsageError(f"--log {name} needs the package {name}; install it with: pip install {name}") from None
    return Tracker(lambda: TRACKERS[name](run))
