"""Storeys of a head that learn later, and slower, than those above them."""

from pathlib import Path

import pytest
import torch

from seqkit.config import make_config, read_toml
from seqkit.files import read_json
from seqkit.runs import find_task, start
from seqkit.training import Callback

SIZES = {"hidden_size": 6, "embedding_size": 5, "batch_size": 20, "min_count": 1, "num_layers": 2, "average": 0.0}


class Watch(Callback):
    """The weights before the first step and after each epoch."""

    def __init__(self):
        self.seen = []

    def on_start(self, trainer):
        self.seen.append({name: p.detach().clone() for name, p in trainer.head.named_parameters()})

    def on_evaluate(self, trainer, record, better):
        self.on_start(trainer)

    def changed(self, epoch):
        """The storeys of the weights that an epoch, counted from 0, has changed."""
        before, after = self.seen[epoch : epoch + 2]
        return {storey(name) for name in after if not torch.equal(before[name], after[name])}


def storey(name):
    return next((part for part in ("embedding", "layers.0", "layers.1") if part in name), "output")


@pytest.fixture
def session(reviews, tmp_path):
    def begin(**values):
        task = find_task("sentiment")
        return start(task, make_config(task.config, {"data": str(reviews), **SIZES, **values}), tmp_path / "run", [])

    return begin


def test_each_storey_begins_to_learn_when_its_turn_comes(session):
    watch = Watch()
    session(epochs=4, unfreeze=1).train([watch])
    assert [watch.changed(epoch) for epoch in range(4)] == [
        {"output"},
        {"output", "layers.1"},
        {"output", "layers.1", "layers.0"},
        {"output", "layers.1", "layers.0", "embedding"},
    ]


def test_the_rate_of_a_storey_is_a_share_of_that_above_it(session):
    started = session(epochs=1, layer_decay=0.5)
    rates = {}

    class Rates(Callback):
        def on_step(self, trainer):
            for group in trainer.optimizer.param_groups:
                for parameter in group["params"]:
                    rates[id(parameter)] = group["lr"] / trainer.optimizer.param_groups[0]["lr"]

    started.train([Rates()])
    found = {(storey(name), rates[id(p)]) for name, p in started.head.named_parameters()}
    assert found == {("output", 1.0), ("layers.1", 0.5), ("layers.0", 0.25), ("embedding", 0.125)}


def test_patience_waits_until_all_storeys_learn(session):
    # With so small a rate nothing becomes better: after the fourth epoch all may learn, and 2 more are waited for.
    started = session(epochs=12, unfreeze=1, patience=2, learning_rate=1e-12)
    started.train()
    assert started.trainer.progress.epoch == 5


def test_afterwards_all_weights_may_learn_again(session):
    started = session(epochs=1, unfreeze=3)
    started.train()
    assert all(p.requires_grad for p in started.head.parameters())


@pytest.mark.parametrize("task", ["sentiment", "tag", "translate", "charlm", "frames", "digit", "caption"])
def test_storeys_hold_every_parameter_of_a_head_once(task):
    run = Path(__file__).parents[1] / "runs/made_by_0_1_0" / task
    facts, values, kind = read_json(run / "run.json"), read_toml(run / "config.toml"), find_task(task)
    codec = kind.load_codec({name: read_json(run / name) for name in facts["codec"]})
    head = kind.build_head(make_config(kind.config, {k: v for k, v in values.items() if k != "task"}), codec)
    storeys = head.storeys()
    assert len(storeys) > 1
    found = [id(parameter) for storey in storeys for parameter in storey]
    assert sorted(found) == sorted(id(parameter) for parameter in head.parameters())


def test_a_run_with_storeys_resumes_to_the_same_bits(reviews, killed_and_resumed):
    options = ["--layer-decay", "0.4", "--unfreeze", "1", "--epochs", "3", "--batch-size", "8", "--hidden-size", "6"]
    killed_and_resumed("sentiment", "--data", reviews, *options)
