"""What a training would cost here, from a few of its steps."""

from __future__ import annotations

import math
import time
from statistics import median
from typing import Any

from seqkit.checks.finding import Finding
from seqkit.config import TrainingConfig
from seqkit.data import Splits
from seqkit.doctor.encoding import tried
from seqkit.doctor.report import Report
from seqkit.errors import SeqkitError
from seqkit.machine import peak, resident
from seqkit.runs.training import Training
from seqkit.tables import Table
from seqkit.topologies import AnyCodec, AnyTask
from seqkit.training.trainer import Callback, Stopped, Trainer


def estimate_cost(
    task: AnyTask,
    config: TrainingConfig,
    codec: AnyCodec,
    splits: Splits[Any],
    report: Report,
    *,
    seconds: float,
    scale: float,
    memory_before: float,
) -> None:
    """Adds the seconds of an epoch and the memory at its peak, from a few real steps on a fraction of the data.

    Args:
        task, config, codec, splits: of the training.
        report: is given the estimate.
        seconds: for which steps are timed.
        scale: how many rows of the data each example of the splits represents.
        memory_before: what this process held before the splits were read, in MB.
    """
    train = tried(splits.train)
    scale *= len(splits.train) / max(1, len(train))
    stopwatch = _Stopwatch(seconds)
    try:
        training = Training(task, config, codec, Splits(list(train), splits.valid[:1], []))
        held = resident() - memory_before
        steps = math.ceil(len(training.trainer.batches.plan(0)) / config.accumulate) * scale
        training.train([stopwatch])
    except Stopped:
        pass
    except SeqkitError as error:
        report.findings.append(Finding.of(error))
        report.facts["estimate"] = {}
        return
    # Examples and items take memory in proportion to the data; model, optimizer and batches do not.
    memory = peak() + max(0.0, held) * (scale - 1)
    epoch, timed_steps = stopwatch.seconds_per_step * steps, len(stopwatch.times)
    report.facts["estimate"] = {
        "seconds_per_epoch": round(epoch, 3),
        "steps_per_epoch": round(steps),
        "timed_steps": timed_steps,
        "memory_mb": round(memory),
    }
    report.tables.append(_cost_table(epoch, config.epochs, memory, timed_steps))


def _cost_table(epoch: float, epochs: int, memory: float, timed_steps: int) -> Table:
    rows = [
        ["an epoch, without scoring, about", _duration(epoch)],
        [f"all {epochs} epochs, at most", _duration(epoch * epochs)],
        ["memory, about", f"{memory:,.0f} MB"],
    ]
    return Table(f"Training here ({timed_steps} steps timed)", ["", ""], rows)


class _Stopwatch(Callback):
    """Times training steps, and stops after this many seconds, or an epoch."""

    def __init__(self, seconds: float) -> None:
        self.times: list[float] = []
        self._began = self._last = 0.0
        self._seconds = seconds

    def on_start(self, trainer: Trainer) -> None:
        """See :class:`Callback`."""
        self._last = time.perf_counter()

    def on_step(self, trainer: Trainer) -> None:
        """See :class:`Callback`."""
        now = time.perf_counter()
        self.times.append(now - self._last)
        self._began, self._last = self._began or now, now
        trainer.stopping = now - self._began >= self._seconds or trainer.progress.position >= trainer.steps_in_epoch

    @property
    def seconds_per_step(self) -> float:
        """Without the first, which warms up; the median, so that what else the machine does then counts little."""
        return median(self.times[1:] or self.times)


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{max(seconds, 0.01):.2g} s"
