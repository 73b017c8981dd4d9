"""Progress of a training in a notebook: one line that is replaced, as HTML, so that no control codes are printed."""

from __future__ import annotations

import html
import sys
import time
from importlib import import_module
from typing import Any

from seqkit.training.trainer import Callback, Trainer

_EVERY = 0.25
"""Seconds between two updates"""


def in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this process."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class NotebookBar(Callback):
    """A bar with the epoch, the loss and the last score."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown_at = 0.0

    def on_start(self, trainer: Trainer) -> None:
        """Shows the bar."""
        display: Any = import_module("IPython.display").display
        self._handle = display(_Bar(trainer), display_id=True)

    def on_step(self, trainer: Trainer) -> None:
        """Moves the bar, now and then."""
        if time.monotonic() - self._shown_at > _EVERY:
            self._update(trainer)

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Moves the bar, with the new score."""
        self._update(trainer)

    def on_stop(self, trainer: Trainer) -> None:
        """Leaves the bar as it ended."""
        self._update(trainer)

    def _update(self, trainer: Trainer) -> None:
        self._shown_at = time.monotonic()
        if self._handle is not None:
            self._handle.update(_Bar(trainer))


class _Bar:
    """A training at one moment, as text and as HTML."""

    def __init__(self, trainer: Trainer) -> None:
        progress, history = trainer.progress, trainer.progress.history
        epoch = min(progress.epoch + 1, max(trainer.config.epochs, progress.epoch))
        facts = [f"epoch {epoch} of {trainer.config.epochs}"]
        if progress.loss_count:
            facts.append(f"loss {progress.loss_sum / progress.loss_count:.3f}")
        if history:
            facts.append(f"validation {trainer.metric.replace('_', '-')} {history[-1][trainer.metric]:.3f}")
        self.done, self.text = trainer.done, ", ".join(facts)

    def __repr__(self) -> str:
        return f"{self.done:.0%}: {self.text}"

    def _repr_html_(self) -> str:
        return f'<progress value="{self.done:.4f}" max="1"></progress> {html.escape(self.text)}'
