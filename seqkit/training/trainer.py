"""The training loop. Everything optional is a :class:`Callback`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from seqkit.config import TrainingConfig
from seqkit.devices import OutOfMemory, device_of, memory_errors, placed
from seqkit.errors import SeqkitError
from seqkit.layers import Head, Loss
from seqkit.scores.direction import Criterion
from seqkit.tables import Table
from seqkit.training.average import MovingAverage
from seqkit.training.batches import Batches
from seqkit.training.checkpoint import (
    digest_of_tensors,
    generator_facts,
    own_generators,
    restore_generators,
    restore_training,
    tensor_bytes,
    tensors_of,
    training_tensors,
)
from seqkit.training.distributed import Processes, alone
from seqkit.training.helping import Help, help_first, release
from seqkit.training.schedule import learning_rate
from seqkit.training.shards import Place, ShardedGradient
from seqkit.training.spans import STEP, VALIDATION


class Evaluation(NamedTuple):
    """The scores of the model on the validation split."""

    scores: dict[str, float]
    samples: Sequence[Table] = ()
    """Shown during the training, below the scores"""


class Stopped(Exception):
    """The training was asked to stop; it can be resumed."""


@dataclass
class Progress:
    """How far a training has come: everything that is neither a tensor nor a generator."""

    step: int = 0
    epoch: int = 0
    position: int = 0
    loss_sum: float = 0.0
    loss_count: float = 0
    best: float | None = None
    best_loss: float = 0.0
    best_epoch: int = 0
    waited: int = 0
    finished: bool = False
    seconds: float = 0.0
    examples: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class Callback:
    """Hooks into a training; each does nothing here."""

    def on_start(self, trainer: Trainer) -> None:
        """Before the first step of this process."""

    def on_step(self, trainer: Trainer) -> None:
        """After each step of the optimizer."""

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """After each evaluation; ``better`` says whether this model is the best so far."""

    def on_stop(self, trainer: Trainer) -> None:
        """When the training has ended, or was stopped before its end."""


class BestWeights(Callback):
    """Holds the weights of the best epoch."""

    def __init__(self) -> None:
        self.weights: dict[str, torch.Tensor] = {}

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Takes them."""
        if better:
            self.weights = trainer.weights()


class Trainer:
    """Trains a head.

    Args:
        head: the model.
        batches: the training data.
        evaluate: scores the model on the validation split; it should call ``trainer.check_stop`` now and then.
        config: how to train.
        metric: the score that models are compared by.
        higher_is_better: whether a larger score is a better one.
        callbacks: called in this order.
        criterion: the score that chooses the model and ends the training; None: the metric.
        processes: those that train it together, each with a trainer of its own; None: this one alone.
        help: in the other processes, does what ``evaluate`` of the first one asks for.
    """

    def __init__(
        self,
        head: Head,
        batches: Batches,
        evaluate: Callable[[], Evaluation],
        config: TrainingConfig,
        metric: str,
        higher_is_better: bool = True,
        callbacks: Sequence[Callback] = (),
        criterion: Criterion | None = None,
        processes: Processes | None = None,
        help: Help = lambda request: None,
    ) -> None:
        self.processes, self.help = processes or alone(), help
        self.spans = self.processes.spans
        self.head, self.batches, self.evaluate, self.config = head, batches, evaluate, config
        self.metric, self.higher_is_better, self.callbacks = metric, higher_is_better, callbacks
        self.criterion = criterion or Criterion(metric, higher_is_better)
        self.loss: Callable[[Any], Loss] = head.loss
        self.progress = Progress()
        self.carried: Mapping[str, torch.Tensor] | None = None
        self.stopping = self.full = self.agreed = False
        self.samples: Sequence[Table] = ()
        self.steps_in_epoch = 0
        self._ready()

    def _ready(self) -> None:
        """An optimizer and an average for the head where it is."""
        self.device = device_of(self.head)
        fused = self.device.type in ("cpu", "cuda", "mps")
        self.optimizer = torch.optim.AdamW(_groups(self.head, self.config), lr=self.config.learning_rate, fused=fused)
        self.average = MovingAverage(self.head, self.config.average)
        shards = self.config.shards
        self.sharded = ShardedGradient(self.head, shards, self.config.seed, self.processes) if shards else None

    def place(self, device: torch.device) -> None:
        """Moves the head to a device, before the first step or :meth:`restore`."""
        if device != self.device:
            self.head.to(device)
            self._ready()

    def fit(self) -> None:
        """Trains to the end; raises :class:`Stopped` after the current step once ``stopping`` is set."""
        progress = self.progress
        # Those who show how far it is ask at the start.
        self.steps_in_epoch = len(self.batches.plan(progress.epoch))
        self._emit("on_start")
        try:
            while not progress.finished:
                plan = self.batches.plan(progress.epoch)
                self.steps_in_epoch = len(plan)
                self._unfreeze()
                while progress.position < len(plan):
                    with self.spans.span(STEP):
                        self._step(plan[progress.position : progress.position + self.config.accumulate])
                    self._emit("on_step")
                    self._stop_together()
                self._finish_epoch()
                self._stop_together()
        except OutOfMemory:
            self.full = True
            raise
        finally:
            for group in self.optimizer.param_groups:
                _let_learn(group, True)
            self._emit("on_stop")

    def check_stop(self) -> None:
        """Raises :class:`Stopped` if the training was asked to stop."""
        if self.stopping:
            raise Stopped

    def _stop_together(self) -> None:
        """The same in all processes: what only one of them has been asked, they agree on with the next step."""
        if self.processes.size == 1:
            self.check_stop()
        elif self.agreed:
            self.stopping = True
            raise Stopped

    @property
    def done(self) -> float:
        """The fraction of the training that is done, 0 to 1; 1 for one that continues after its epochs."""
        inside = self.progress.position / max(1, self.steps_in_epoch)
        return min(1.0, (self.progress.epoch + inside) / self.config.epochs)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return learning_rate(self.config.schedule, self.config.learning_rate, self.config.warmup, self.done)

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights to score and save the model with: the averaged ones, or its own where there is no average."""
        with self.average.in_place():
            return {name: tensor.clone() for name, tensor in self.head.state_dict().items()}

    @property
    def frozen(self) -> bool:
        """Whether a storey of the head does not learn yet in this epoch."""
        return any(not p.requires_grad for group in self.optimizer.param_groups for p in group["params"])

    def _unfreeze(self) -> None:
        """Lets those parameters learn whose turn it is; the others have no gradient, so that no time goes into it."""
        for group in self.optimizer.param_groups:
            _let_learn(group, group.get("depth", 0) * self.config.unfreeze <= self.progress.epoch)

    def _step(self, groups: Sequence[Any]) -> None:
        start, progress = time.perf_counter(), self.progress
        self.head.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * group.get("share", 1.0)
        self.optimizer.zero_grad(set_to_none=True)
        with memory_errors(self.device, _smaller(progress.step + 1)):
            loss = self._backward(groups) if self.sharded is None else self._backward_in_shards(self.sharded, groups)
        with self.spans.span("optimizer"):
            length = clip_grad_norm_(self.head.parameters(), self.config.clip or math.inf)
            total, norm, count = _read(loss.sum.detach(), length, loss.count)
        if not (math.isfinite(total) and math.isfinite(norm)):
            raise SeqkitError(
                f"the loss is not finite at step {progress.step + 1} (loss {total / (count or 1):g}, learning "
                f"rate {self.rate:g}, gradient norm {norm:g}); lower --learning-rate or --clip; the last good "
                "checkpoint is kept"
            )
        with self.spans.span("optimizer"):
            self.optimizer.step()
        self.carried = loss.carried
        progress.step, progress.position = progress.step + 1, progress.position + len(groups)
        with self.spans.span("optimizer"):
            self.average.update(progress.step)
        progress.loss_sum, progress.loss_count = progress.loss_sum + total, progress.loss_count + count
        progress.examples += int(count) if loss.items is None else loss.items
        progress.seconds += time.perf_counter() - start

    def _backward(self, groups: Sequence[Any]) -> Loss:
        """Gradients of the average loss of an item, over all items of some batches, and that loss."""
        whole, several = Loss(torch.zeros((), device=self.device), 0, self.carried, 0), len(groups) > 1
        for group in groups:
            with self.spans.span("data"):
                batch = placed(self.batches.batch(group, whole.carried), self.device)
            with self.spans.span("forward"):
                loss = self.loss(batch)
                # How many items there are in all is known at the end; one batch alone is divided as it always was.
                total = loss.sum if several else loss.mean
            with self.spans.span("backward"):
                total.backward()
            whole = _together(whole, loss)
        if several:
            count = whole.count.clamp(min=1) if isinstance(whole.count, Tensor) else whole.count or 1
            for parameter in self.head.parameters():
                if parameter.grad is not None:
                    parameter.grad /= count
        return whole

    def _backward_in_shards(self, sharded: ShardedGradient, groups: Sequence[Any]) -> Loss:
        """The same, whatever the number of processes."""
        place = Place(self.progress.epoch, self.progress.position)
        found = sharded.compute(self.loss, self.batches, groups, place, self.carried, self.stopping)
        self.agreed = self.agreed or found.stopping
        return found.loss

    def _finish_epoch(self) -> None:
        start, progress = time.perf_counter(), self.progress
        self.head.eval()
        # A library that draws a number when it is first imported must not make a resumed run differ.
        with own_generators(), self.average.in_place():
            scores = self._scores()
        progress.epoch, progress.position, self.carried = progress.epoch + 1, 0, None
        better = self._compare(scores[self.criterion.score], scores["loss"])
        out_of_patience = 0 < self.config.patience <= progress.waited
        progress.finished = out_of_patience or not (progress.epoch < self.config.epochs or self._goes_on())
        train_loss = progress.loss_sum / (progress.loss_count or 1)
        record = {"epoch": progress.epoch, "step": progress.step, "train_loss": train_loss, **scores}
        progress.history.append(record)
        progress.loss_sum, progress.loss_count = 0.0, 0
        progress.seconds += time.perf_counter() - start
        self._emit("on_evaluate", record, better)

    def _scores(self) -> dict[str, float]:
        """The scores of the model, by the first of the processes; the others help it, and hear what its clock says."""
        if self.processes.size > 1:
            weights = digest_of_tensors(self.head.state_dict())
            self.processes.check_same({"digest of the weights": weights}, "use machines of one kind")
        if not self.processes.first:
            with self.spans.span(VALIDATION):
                heard = help_first(self.processes, self.help)
            if heard is None:
                raise Stopped
            self.progress.seconds, scores = heard
            return dict(scores)
        try:
            with self.spans.span(VALIDATION):
                scores, self.samples = self.evaluate()
        except Stopped:
            release(self.processes)
            raise
        release(self.processes, [self.progress.seconds, scores])
        return scores

    def share(self) -> None:
        """Brings the trainers of all processes to where that of the first one is."""
        if self.processes.size > 1:
            content = self.processes.share(tensor_bytes(*self.state()) if self.processes.first else None)
            if not self.processes.first:
                self.restore(*tensors_of(Path("the state of process 0"), content))

    def _goes_on(self) -> bool:
        """Whether a training continues after its epochs: it may improve still, and there is time."""
        # A rate that has fallen to 0 changes nothing more, and without patience nothing but the clock would end it.
        able = self.config.schedule == "constant" and self.config.patience > 0
        return able and self.progress.seconds < 60 * self.config.minutes

    def _compare(self, score: float, loss: float) -> bool:
        """Whether the model of this epoch is the best so far, which the progress then remembers."""
        progress, sign = self.progress, 1 if self.criterion.higher_is_better else -1
        # Among equal scores the smaller loss is better: BLEU stays 0 for as long as, say, a model of captions gets no
        # four words in a row correct.
        better = progress.best is None or (sign * score, -loss) > (sign * progress.best, -progress.best_loss)
        # Patience is for a model that learns as a whole.
        progress.waited = 0 if better or self.frozen else progress.waited + 1
        if better:
            progress.best, progress.best_loss, progress.best_epoch = score, loss, progress.epoch
        return better

    def _emit(self, event: str, *details: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *details)

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """All that :meth:`restore` needs to end at exactly the same weights: tensors, and facts for JSON."""
        facts = {"progress": asdict(self.progress), "generators": generator_facts()}
        averages = {f"average.{name}": tensor for name, tensor in self.average.averages.items()}
        carried = {f"carried.{name}": tensor for name, tensor in (self.carried or {}).items()}
        return {**training_tensors(self.head, self.optimizer), **averages, **carried}, facts

    def restore(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        """Restores the training to where :meth:`state` was called."""
        restore_training(tensors, self.head, self.optimizer)
        self.average.restore(_named("average.", tensors))
        self.carried = _named("carried.", tensors) or None
        restore_generators(facts["generators"])
        self.progress = Progress(**facts["progress"])


def _together(first: Loss, second: Loss) -> Loss:
    """The losses of two batches, one after the other, as one; without their graphs."""
    items = None if first.items is None or second.items is None else first.items + second.items
    return Loss(first.sum + second.sum.detach(), first.count + second.count, second.carried, items)


def _read(total: Tensor, norm: Tensor, count: float | Tensor) -> tuple[float, float, float]:
    """The numbers, all at once: each that is read from a GPU waits for all of its work."""
    norm = norm.to(total.device)
    if not isinstance(count, Tensor):
        total_read, norm_read = torch.stack([total, norm]).tolist()
        return total_read, norm_read, count
    # A count is exact in float32 up to 16 million.
    total_read, norm_read, count_read = torch.stack([total, norm, count.to(total.dtype)]).tolist()
    return total_read, norm_read, count_read


def _named(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _groups(head: Head, config: TrainingConfig) -> list[dict[str, Any]]:
    """Weight decay for matrices, and none for biases and scales; where storeys differ, groups for each of them."""
    if config.layer_decay == 1 and not config.unfreeze:
        return _by_shape(head.parameters(), config.weight_decay)
    return [
        {**group, "depth": depth, "share": config.layer_decay**depth}
        for depth, storey in enumerate(head.storeys())
        for group in _by_shape(storey, config.weight_decay)
    ]


def _by_shape(parameters: Iterable[torch.nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    learning = [p for p in parameters if p.requires_grad]
    return [
        {"params": [p for p in learning if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in learning if p.dim() <= 1], "weight_decay": 0.0},
    ]


def _smaller(step: int) -> str:
    return (
        f"step {step} did not fit, and all steps before it are kept; --device cpu continues this run, and a new run "
        "with half the --batch-size, or half the --batch-tokens, needs about half as much"
    )


def _let_learn(group: Mapping[str, Any], learns: bool) -> None:
    for parameter in group["params"]:
        parameter.requires_grad_(learns)
