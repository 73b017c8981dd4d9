"""The training of a head on splits in memory: an estimator trains like this, a run keeps it in a folder as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from seqkit.config import TrainingConfig
from seqkit.data import Splits
from seqkit.layers import Head
from seqkit.runs.model import Model
from seqkit.runs.transfer import start_from
from seqkit.topologies import AnyCodec, AnyTask
from seqkit.training import Evaluation
from seqkit.training.checkpoint import seeded
from seqkit.training.trainer import Callback, Trainer


class Training:
    """A new head of a task, ready to train on the training split and to be scored on the validation split.

    The same seed, splits and codec give the same weights bit for bit on one machine; the generators of the caller stay
    as they are.
    """

    def __init__(self, task: AnyTask, config: TrainingConfig, codec: AnyCodec, splits: Splits[Any]) -> None:
        self.task, self.config, self.codec, self.splits = task, config, codec, splits
        with seeded(config.seed):
            self.head: Head = task.build_head(config, codec)
            self._start = torch.get_rng_state()
        train, self._valid = (
            [codec.encode(task.input_of(example), example) for example in examples]
            for examples in (splits.train, splits.valid)
        )
        batches = task.batches(codec, train, config)
        self.metric = task.metric_for(codec)
        self.trainer = Trainer(self.head, batches, self._validate, config, self.metric, task.higher_is_better)

    def model(self) -> Model:
        """The model as it is now."""
        return Model(self.task, self.config, self.codec, self.head)

    def request_stop(self) -> None:
        """Asks a training under way, from a signal handler or another thread, to stop after its step."""
        self.trainer.stopping = True

    def begin(self, notes: list[str]) -> None:
        """Puts what comes from outside into the new head: word vectors, what another run has learned."""
        self.task.initialize_from_outside(self.config, self.codec, self.head, notes)
        if self.config.init_from:
            notes.extend(start_from(Path(self.config.init_from), self.head, self.codec))

    def train(self, callbacks: Sequence[Callback] = ()) -> None:
        """Trains to the end; raises :class:`~seqkit.training.Stopped` if asked to stop on the way."""
        self.trainer.callbacks = callbacks
        with seeded(self.config.seed):
            torch.set_rng_state(self._start)
            self._restore()
            self.trainer.fit()

    def _restore(self) -> None:
        """Puts a training that was stopped back where it stood; only a run keeps what that takes."""

    def _validate(self) -> Evaluation:
        return self.task.validate(
            self.config, self.codec, self.head, self._valid, self.splits.valid, self.trainer.check_stop
        )
