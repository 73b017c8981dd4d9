"""The training of a head on splits in memory: an estimator trains like this, a run keeps it in a folder as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from seqkit.config import TrainingConfig
from seqkit.data import Splits
from seqkit.data.prepared import StoredExamples, learning_splits
from seqkit.devices import find_device
from seqkit.errors import unknown
from seqkit.layers import Head
from seqkit.runs.model import Model
from seqkit.runs.rows import grouped
from seqkit.runs.teacher import ask_teacher
from seqkit.runs.transfer import runs_of, start_from_runs
from seqkit.topologies import AnyCodec, AnyTask, FitsFirst, Pretrains, SharedItems, Tunes, help_predict
from seqkit.topologies.distillation import DistillationLoss, DistilledBatches, SoftTargets
from seqkit.topologies.pretraining import NONE, Pretraining
from seqkit.training import Evaluation
from seqkit.training.checkpoint import own_generators, seeded
from seqkit.training.distributed import Processes, alone
from seqkit.training.trainer import BestWeights, Callback, Trainer
from seqkit.training.windows import StoredItems

_TOGETHER = 1024
"""Examples that are encoded at a time: those of a stored split are in memory only then."""
_TRIED = 8
"""Examples that are scored to see which scores there are; for some, all must be."""


class Training:
    """A new head of a task, ready to train on the training split and to be scored on the validation split.

    The same seed, splits and codec give the same weights bit for bit on one machine; the generators of the caller stay
    as they are. Further examples are trained on, too, though they are in no split.
    """

    def __init__(
        self,
        task: AnyTask,
        config: TrainingConfig,
        codec: AnyCodec,
        splits: Splits[Any],
        further: Sequence[Any] = (),
        processes: Processes | None = None,
    ) -> None:
        self.task, self.config, self.codec, self.splits = task, config, codec, splits
        self.processes = processes or alone()
        self.device = find_device(self.processes.device(config.device))
        self.further = further
        self.teacher: SoftTargets | None = None
        # What cannot be read ends the work here, before a model is built for it.
        self._train = train = self._training_items()
        self._valid = SharedItems(self._encoded(splits.valid), "validation split", self.processes)
        self._test = SharedItems(self._encoded(splits.test, False), "test split", self.processes)
        batches = task.batches(codec, train, config)
        with seeded(config.seed):
            self.head: Head = task.build_head(config, codec)
            self._start = torch.get_rng_state()
        self.pretraining: Pretraining | None = None
        self._pretrainer: Trainer | None = None
        self.metric, self.higher_is_better = task.metric_criterion(codec)
        self.criterion = task.criterion(config, codec)
        self.trainer = Trainer(
            self.head,
            batches,
            self._validate,
            config,
            self.metric,
            self.higher_is_better,
            criterion=self.criterion,
            processes=self.processes,
            help=self._help,
        )

    def _training_items(self) -> Sequence[Any]:
        """Those in memory are encoded once, those that are stored whenever they are read."""
        examples = self.splits.train
        if isinstance(examples, StoredExamples):
            return StoredItems(examples, self._encoded)
        return self._encoded(chain(examples, self.further))

    def _encoded(self, examples: Iterable[Any], with_targets: bool = True) -> list[Any]:
        items: list[Any] = []
        for some in grouped(examples, _TOGETHER):
            inputs = [self.task.input_of(example) for example in some]
            items += self.codec.encode_many(inputs, some if with_targets else None)
        return items

    def _labelled_items(self) -> Sequence[Any]:
        """The encoded training split, of a stored one a sample; without what a teacher labels."""
        if not isinstance(self.splits.train, StoredExamples):
            return self._train[: len(self.splits.train)]
        return self._encoded(learning_splits(self.splits).train)

    def model(self) -> Model:
        """The model as it is now."""
        return Model(self.task, self.config, self.codec, self.head)

    def request_stop(self) -> None:
        """Asks a training under way, from a signal handler or another thread, to stop after its step."""
        for trainer in filter(None, (self.trainer, self._pretrainer)):
            trainer.stopping = True

    def begin(self, notes: list[str]) -> None:
        """Puts what comes from outside into the new head: word vectors, what another run has learned.

        Raises :class:`UsageError` for a score to select by that the task does not have.
        """
        if self.config.select:
            self._check_score(self.criterion.score)
        if isinstance(self.task, FitsFirst):
            self.task.fit_first(self.codec, self.head, self._labelled_items)
        self.task.initialize_from_outside(self.config, self.codec, self.head, notes)
        if teacher := getattr(self.config, "teacher", None):
            asked = self.task, self.config, self.codec, self.splits.train, self.further
            self.learn_from(ask_teacher(Path(teacher), *asked, notes))
        if self.config.init_from:
            notes.extend(start_from_runs(runs_of(self.config.init_from), self.head, self.codec))

        self.pretraining = self.plan_pretraining(notes)
        if self.pretraining is not None:
            notes.append(self.pretraining.sentence())

    def plan_pretraining(self, notes: list[str]) -> Pretraining | None:
        """The language models that come before the training, if any do."""
        if not isinstance(self.task, Pretrains) or getattr(self.config, "pretrain", NONE) == NONE:
            return None
        with seeded(self.config.seed):
            plan: Pretraining | None = self.task.pretraining(
                self.config, self.codec, self.head, learning_splits(self.splits), notes
            )
            return plan

    def learn_from(self, teacher: SoftTargets) -> None:
        """Trains with what a teacher says of the training examples, beside their labels."""
        config: Any = self.config
        self.teacher = teacher
        self.trainer.loss = DistillationLoss(self.head, config.teacher_weight, config.temperature)
        self.trainer.batches = DistilledBatches(self.trainer.batches, teacher)

    def train(self, callbacks: Sequence[Callback] | None = None) -> None:
        """Trains to the end; raises :class:`~seqkit.training.Stopped` if asked to stop on the way."""
        callbacks = callbacks or ()
        self.trainer.callbacks = callbacks
        with self._generators():
            self._place()
            self._restore()
            self.trainer.share()
            self._pretrain(callbacks)
            self.trainer.share()
            self.trainer.fit()

    def tune(self) -> Mapping[str, Any]:
        """Chooses on the validation split what training leaves open; call it when the head has its best weights.

        Returns what ``results.json`` says of it; empty if nothing was chosen.
        """
        if not isinstance(self.task, Tunes):
            return {}
        return self.task.tune(self.config, self.codec, self.head, self._valid, self.splits.valid)

    @contextmanager
    def _generators(self) -> Iterator[None]:
        """Inside, all generators are as they were when the head had been made."""
        with seeded(self.config.seed):
            torch.set_rng_state(self._start)
            yield

    def _place(self) -> None:
        """Moves the model to its device: its first weights are drawn on the CPU, the same for every device."""
        self.trainer.place(self.device)

    def _restore(self) -> None:
        """Puts a training that was stopped back where it stood; only a run keeps what that takes."""

    def _pretrain(self, callbacks: Sequence[Callback]) -> None:
        """Trains the language models of :attr:`pretraining`, if there are any, and gives the head what they learn."""
        if self.pretraining is not None:
            best = BestWeights()
            self.fit_language_models(self.pretraining, [best, *callbacks])
            self.pretraining.take(best.weights)
            self.pretraining = None

    def fit_language_models(
        self,
        plan: Pretraining,
        callbacks: Sequence[Callback],
        restore: Callable[[Trainer], None] = lambda trainer: None,
    ) -> None:
        """Trains language models to the end; ``restore`` puts the trainer back where it was stopped."""
        self._pretrainer = trainer = Trainer(
            plan.head,
            plan.batches,
            lambda: plan.evaluate(trainer.check_stop),
            plan.config,
            "perplexity",
            False,
            callbacks,
            processes=self.processes,
        )
        trainer.place(self.device)
        trainer.stopping = self.trainer.stopping
        # The draws of the training itself are the same with and without.
        with seeded(self.config.seed):
            restore(trainer)
            trainer.share()
            trainer.fit()
        self._pretrainer = None

    def _check_score(self, score: str) -> None:
        # The model is untrained, so a few examples are enough to see which scores there are.
        names = self._score_names(_TRIED)
        if score not in names:
            names |= self._score_names(None)
        if score not in names:
            raise unknown("score to select by", score, names)

    def _score_names(self, count: int | None) -> set[str]:
        items, examples = self._valid[:count], self.splits.valid[:count]
        with own_generators():
            evaluation = self.task.validate(self.config, self.codec, self.head, items, examples, lambda: None)
        return set(evaluation.scores)

    def _help(self, request: Mapping[str, Any]) -> None:
        """Predicts what the first process asks for."""
        help_predict(self.head, self.codec, self.config, [self._valid, self._test], request)

    def _validate(self) -> Evaluation:
        return self.task.validate(
            self.config, self.codec, self.head, self._valid, self.splits.valid, self.trainer.check_stop
        )


def learn_codec(task: AnyTask, config: TrainingConfig, splits: Splits[Any]) -> AnyCodec:
    """The codec of the training split, and of what else a model knows before its training: word vectors, texts."""
    splits = learning_splits(splits)
    codec: AnyCodec = task.learn_codec(config, splits.train)
    return task.widened(config, codec, splits) if isinstance(task, Pretrains) else codec
