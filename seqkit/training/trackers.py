"""Trackers of experiments, as callbacks: each evaluation is sent to a package that is installed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from seqkit.errors import SeqkitError, UsageError
from seqkit.training.trainer import Callback, Trainer


class Sink(Protocol):
    """Where the numbers of a training go."""

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by name, after this many steps."""
        ...

    def close(self) -> None:
        """Nothing more is written."""
        ...


Opener = Callable[[Mapping[str, Any]], Sink]
"""Opens a tracker for a training with those options"""
_LONGEST = 300
"""Letters of what a tracker says, at most."""


class Tracker(Callback):
    """Sends the options of a training and the numbers of each evaluation to a tracker, opened when it starts.

    A tracker that cannot be opened ends the training at once; one that fails later is left out, and a sentence says so.
    """

    def __init__(self, name: str, open_sink: Opener, say: Callable[[str], None]) -> None:
        self.name, self.open_sink, self.say = name, open_sink, say
        self.sink: Sink | None = None

    def on_start(self, trainer: Trainer) -> None:
        """Opens it; raises :class:`SeqkitError` with what the tracker says."""
        try:
            self.sink = self.open_sink(asdict(trainer.config))
        except Exception as error:
            raise SeqkitError(
                f"--log {self.name}: {_short(error)}; correct its settings, then resume the run, or run without it"
            ) from error

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Sends every number of the record."""
        numbers = {name: float(value) for name, value in record.items() if isinstance(value, (int, float))}
        self._attempt(lambda sink: sink.write(numbers, trainer.progress.step))

    def on_stop(self, trainer: Trainer) -> None:
        """Closes it."""
        self._attempt(lambda sink: sink.close())
        self.sink = None

    def _attempt(self, action: Callable[[Sink], None]) -> None:
        if self.sink is None:
            return
        try:
            action(self.sink)
        except Exception as error:
            # A network that is away must not cost hours of training.
            self.sink = None
            self.say(f"--log {self.name} failed ({_short(error)}); nothing more is sent to it, and training continues")


def _short(error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


class TensorBoard:
    """Event files in a folder of the run: ``tensorboard --logdir RUN``."""

    def __init__(self, run: Path, options: Mapping[str, Any]) -> None:
        writer = import_module("torch.utils.tensorboard").SummaryWriter
        self.writer = writer(str(run / "tensorboard"))
        self.writer.add_text("options", "\n".join(f"- {name}: `{value}`" for name, value in options.items()))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """A scalar for each name."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flushes the file."""
        self.writer.close()


class MLflow:
    """A run of MLflow, named like the folder; where it is kept is MLflow's own setting, such as MLFLOW_TRACKING_URI."""

    def __init__(self, run: Path, options: Mapping[str, Any]) -> None:
        self.mlflow = import_module("mlflow")
        self.mlflow.start_run(run_name=run.absolute().name)
        self.mlflow.log_params(dict(options))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """A metric for each name."""
        self.mlflow.log_metrics(dict(values), step=step)

    def close(self) -> None:
        """Ends the run."""
        self.mlflow.end_run()


class Logged:
    """A run of Weights & Biases or Trackio, whose calls are the same; the project is named seqkit."""

    def __init__(self, package: str, run: Path, options: Mapping[str, Any]) -> None:
        self.package = import_module(package)
        self.package.init(project="seqkit", name=run.absolute().name, config=dict(options))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """All values as one entry."""
        self.package.log(dict(values), step=step)

    def close(self) -> None:
        """Ends the run."""
        self.package.finish()


TRACKERS: dict[str, Callable[[Path, Mapping[str, Any]], Sink]] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "wandb": partial(Logged, "wandb"),
    "trackio": partial(Logged, "trackio"),
}
"""By the name of the package"""


def tracker(name: str, run: Path, say: Callable[[str], None]) -> Tracker:
    """The tracker of that name for a run in that folder; raises :class:`UsageError` where its package is missing.

    ``say`` is given a sentence if it fails during the training.
    """
    try:
        import_module(name)
    except ImportError:
        raise UsageError(f"--log {name} needs the package {name}; install it with: pip install {name}") from None
    return Tracker(name, partial(TRACKERS[name], run), say)
