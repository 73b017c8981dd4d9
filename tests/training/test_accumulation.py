"""Several batches make one step of the optimizer."""

import pytest
import torch
from torch import nn

from seqkit.config import TrainingConfig, make_config
from seqkit.layers import Head, Loss
from seqkit.runs import find_task, resume, start
from seqkit.runs.directory import RunDirectory
from seqkit.training import Callback, Stopped, Trainer
from seqkit.training.checkpoint import read_tensors

INPUTS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))


class Squares(Head):
    """Linear, and no random number; rows with a negative first number are padding."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        nn.init.constant_(self.layer.weight, 0.3)
        nn.init.zeros_(self.layer.bias)

    def loss(self, batch):
        real = batch[:, 0] >= 0
        return Loss((self.layer(batch) - 1).square().sum(1)[real].sum(), int(real.sum()))

    def predict(self, batch):
        return []


class Rows:
    """The rows in batches of one size."""

    def __init__(self, size):
        self.size = size

    def plan(self, epoch):
        return [slice(first, first + self.size) for first in range(0, len(INPUTS), self.size)]

    def batch(self, group, carried=None):
        return INPUTS[group]


def trained(size, accumulate, epochs=3):
    config = TrainingConfig(epochs=epochs, accumulate=accumulate, average=0.0, patience=0, clip=0.5)
    head = Squares()
    trainer = Trainer(head, Rows(size), lambda: ({"loss": 1.0}, []), config, "loss", higher_is_better=False)
    trainer.fit()
    return trainer, head.state_dict()


@pytest.mark.parametrize("size", [2, 3, 5])
def test_several_batches_in_one_step_learn_what_one_batch_of_them_all_does(size):
    one, expected = trained(len(INPUTS), 1)
    several, weights = trained(size, -(-len(INPUTS) // size))
    # Sums in another order: a few roundings of float32, in weights of about 0.3.
    torch.testing.assert_close(weights, expected, rtol=1e-5, atol=1e-6)
    assert several.progress.step == one.progress.step == 3
    assert several.progress.examples == one.progress.examples
    assert several.progress.history[-1]["train_loss"] == pytest.approx(one.progress.history[-1]["train_loss"], rel=1e-5)


def test_the_last_step_of_an_epoch_takes_the_batches_that_are_left():
    trainer, _ = trained(2, 4, epochs=2)
    assert trainer.progress.step == 2 * 2  # 6 batches: 4 and 2


class StopAt(Callback):
    def on_step(self, trainer):
        trainer.stopping = trainer.progress.step == 2


@pytest.mark.parametrize(
    ("name", "own"),
    [("sentiment", {"batch_size": 10, "min_count": 1}), ("charlm", {"streams": 12, "chunk": 16})],
)
def test_a_stopped_run_that_accumulates_ends_with_the_same_bits(reviews, tmp_path, name, own):
    task = find_task(name)
    values = {"data": str(reviews), "hidden_size": 6, "embedding_size": 5, "epochs": 2, "accumulate": 3, **own}
    config = make_config(task.config, values)
    start(task, config, tmp_path / "whole", []).train()
    with pytest.raises(Stopped):
        start(task, config, tmp_path / "stopped", []).train([StopAt()])
    resume(tmp_path / "stopped", []).train()
    expected, found = (read_tensors(RunDirectory(tmp_path / run).checkpoint)[0] for run in ("whole", "stopped"))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
