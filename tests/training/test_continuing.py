"""A training that still improves when its epochs are over continues until it stops, or its minutes are over."""

import pytest
import torch
from torch import nn

from seqkit.config import TrainingConfig
from seqkit.layers import Head, Loss
from seqkit.training import Evaluation, Stopped, Trainer


class OneWeight(Head):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))

    def loss(self, batch):
        return Loss(self.weight.sum(), 1)

    def predict(self, batch):
        return []


class OneBatch:
    def plan(self, epoch):
        return [0]

    def batch(self, entry, carried):
        return entry


def trainer_of(scores, **options):
    """A trainer whose evaluations give these scores."""
    values = iter(scores)
    config = TrainingConfig(**{"epochs": 3, "patience": 2, "schedule": "constant", "minutes": 10.0, **options})
    return Trainer(
        OneWeight(), OneBatch(), lambda: Evaluation({"accuracy": next(values), "loss": 1.0}), config, "accuracy"
    )


def trained(scores, **options):
    """The trainer after its training."""
    trainer = trainer_of(scores, **options)
    trainer.fit()
    return trainer


def test_it_continues_while_it_improves_and_ends_when_it_is_out_of_patience():
    trainer = trained([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.4, 0.9])
    assert (trainer.progress.epoch, trainer.progress.best_epoch) == (7, 5)


def test_it_ends_with_its_epochs_when_the_minutes_are_over():
    assert trained([0.1, 0.2, 0.3, 0.4], minutes=1e-12).progress.epoch == 3


@pytest.mark.parametrize("options", [{"minutes": 0.0}, {"schedule": "linear"}, {"schedule": "cosine"}, {"patience": 0}])
def test_it_ends_with_its_epochs_where_nothing_could_improve_it_or_nothing_would_end_it(options):
    assert trained([0.1, 0.2, 0.3, 0.4], **options).progress.epoch == 3


def test_out_of_patience_before_the_epochs_are_over_it_ends_at_once():
    assert trained([0.3, 0.2, 0.1, 0.4]).progress.epoch == 3


def test_the_bar_stays_full_while_it_continues():
    trainer = trained([0.1, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1])
    assert (trainer.progress.epoch, trainer.done) == (6, 1.0)


def test_a_training_that_was_stopped_while_it_went_on_continues_with_the_patience_it_had():
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.3, 0.2]
    first, second = trainer_of(scores), trainer_of(scores[6:])

    class Stop:
        def __getattr__(self, name):
            return lambda trainer, *details: setattr(trainer, "stopping", trainer.progress.epoch == 6)

    first.callbacks = [Stop()]
    with pytest.raises(Stopped):
        first.fit()
    second.restore(*first.state())
    second.fit()
    assert second.progress.history == trained(scores).progress.history
