"""The training of a head on parts that lie in memory: what a run keeps in a folder, and an estimator does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from seqkit.config import TrainingConfig
from seqkit.data import Splits
from seqkit.errors import unknown
from seqkit.layers import Head
from seqkit.runs.transfer import start_from
from seqkit.topologies import AnyCodec, AnyTask, Tunes
from seqkit.training import Evaluation
from seqkit.training.checkpoint import own_generators, seeded
from seqkit.training.trainer import Callback, Trainer

_TRIED = 8
"""Examples that are scored to see which scores there are; for some, all must be."""


class Training:
    """A new head of a task, ready to train on the first of the parts and to be scored on the second.

    The same seed, parts and codec give the same weights bit for bit on one machine; nobody else's generators move.
    """

    def __init__(self, task: AnyTask, config: TrainingConfig, codec: AnyCodec, splits: Splits[Any]) -> None:
        self.task, self.config, self.codec, self.splits = task, config, codec, splits
        with seeded(config.seed):
            self.head: Head = task.build_head(config, codec)
            self._start = torch.get_rng_state()
        parts = {"train": splits.train, "valid": splits.valid}
        self.items = {part: [codec.encode(task.input_of(e), e) for e in examples] for part, examples in parts.items()}
        batches = task.batches(codec, self.items["train"], config)
        self.metric = task.metric_for(codec)
        self.criterion = task.criterion(config, codec)
        self.trainer = Trainer(
            self.head,
            batches,
            self._validate,
            config,
            self.metric,
            task.higher_is_better,
            criterion=self.criterion,
        )

    def begin(self, notes: list[str]) -> None:
        """Puts what comes from outside into the new head: word vectors, what another run has learned.

        Raises :class:`UsageError` for a score to select by that the task does not have.
        """
        if self.config.select:
            self._check_score(self.criterion.score)
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

    def tune(self) -> Mapping[str, Any]:
        """Chooses on the validation split what training leaves open; call it when the head has its best weights.

        Returns what ``results.json`` says of it; empty if nothing was chosen.
        """
        if not isinstance(self.task, Tunes):
            return {}
        return self.task.tune(self.config, self.codec, self.head, self.items["valid"], self.splits.valid)

    def _restore(self) -> None:
        """Puts a training that was stopped back where it stood; here there is none."""

    def _check_score(self, score: str) -> None:
        # The model is untrained, so a few examples are enough to see which scores there are.
        names = self._score_names(_TRIED)
        if score not in names:
            names |= self._score_names(None)
        if score not in names:
            raise unknown("score to select by", score, names)

    def _score_names(self, count: int | None) -> set[str]:
        items, examples = self.items["valid"][:count], self.splits.valid[:count]
        with own_generators():
            evaluation = self.task.validate(self.config, self.codec, self.head, items, examples, lambda: None)
        return set(evaluation.scores)

    def _validate(self) -> Evaluation:
        return self.task.validate(
            self.config, self.codec, self.head, self.items["valid"], self.splits.valid, self.trainer.check_stop
        )
