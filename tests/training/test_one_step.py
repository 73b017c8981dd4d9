"""What one step and one evaluation change, and what they leave alone."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from seqkit.config import TrainingConfig
from seqkit.layers import Head, Loss
from seqkit.training import Trainer


class Flat(Head):
    """A loss that is 0 whatever the weights are, so that only weight decay moves them."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(3, 4), nn.LayerNorm(4)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.5)

    def loss(self, batch):
        return Loss(0 * self.norm(self.layer(batch)).sum(), 1)

    def predict(self, batch):
        return []

    def storeys(self):
        return [[*self.norm.parameters()], [*self.layer.parameters()]]


class TwoBatches:
    def plan(self, epoch):
        return [0, 1]

    def batch(self, group, carried=None):
        return torch.ones(2, 3)


def trained(evaluate, **options):
    head = Flat()
    config = TrainingConfig(epochs=1, schedule="constant", warmup=0.0, learning_rate=0.1, average=0.0, **options)
    Trainer(head, TwoBatches(), evaluate, config, "loss", higher_is_better=False).fit()
    return {name: parameter.detach() for name, parameter in head.named_parameters()}


@pytest.mark.parametrize("options", [{}, {"layer_decay": 0.999999}], ids=["one group", "storeys"])
def test_weight_decay_is_for_matrices_and_for_no_bias_or_scale(options):
    weights = trained(lambda: ({"loss": 1.0}, []), weight_decay=0.2, **options)
    # Decoupled: each of the two steps takes rate · decay = 2 % of a weight.
    torch.testing.assert_close(weights.pop("layer.weight"), torch.full((4, 3), 0.5 * 0.98**2), rtol=1e-5, atol=0)
    assert sorted(weights) == ["layer.bias", "norm.bias", "norm.weight"]
    assert all((weight == 0.5).all() for weight in weights.values())


def test_an_evaluation_that_draws_numbers_moves_no_generator():
    drawn = []

    def draw():
        return [random.random(), np.random.rand(), torch.rand(1).item()]

    def evaluate(count):
        def evaluated():
            for _ in range(count):
                draw()
            return {"loss": 1.0}, []

        return evaluated

    for count in (0, 3):
        with torch.random.fork_rng():
            random.seed(1), np.random.seed(1), torch.manual_seed(1)
            trained(evaluate(count))
            drawn.append(draw())
    assert drawn[0] == drawn[1]
