"""The average of the weights is the textbook's, and it is what a run is scored with and keeps."""

import pytest
import torch
from torch import nn

from seqkit.config import make_config
from seqkit.runs import find_task, start
from seqkit.training import Callback
from seqkit.training.average import MovingAverage
from seqkit.training.checkpoint import read_tensors


def test_the_average_starts_at_the_first_weights_and_then_spans_a_quarter_of_the_steps_up_to_its_limit():
    model = nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, 0.5)
    # Shares 1, 4/5, 4/6, 4/7, 1/2, 1/2 by hand.
    expected = [4.0, 1.6, 1.6 / 3 + 2 * 2 / 3, 0.8, 0.4, 4.2]
    for step, (weight, value) in enumerate(zip([4.0, 1.0, 2.0, 0.0, 0.0, 8.0], expected, strict=True), 1):
        nn.init.constant_(model.weight, weight)
        average.update(step)
        with average.in_place():
            assert model.weight.item() == pytest.approx(value)
        assert model.weight.item() == weight


def test_the_weights_come_back_when_the_evaluation_fails():
    model = nn.Linear(1, 1)
    average = MovingAverage(model, 0.9)
    nn.init.constant_(model.weight, 3.0)
    with pytest.raises(KeyError), average.in_place():
        raise KeyError
    assert model.weight.item() == 3.0


def test_without_decay_nothing_is_averaged():
    model = nn.Linear(2, 2)
    average = MovingAverage(model, 0.0)
    average.update(1)
    assert average.averages == {}


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_a_run_is_scored_with_and_keeps_the_average(decay, reviews, tmp_path):
    values = {
        "data": str(reviews),
        "hidden_size": 4,
        "embedding_size": 3,
        "epochs": 1,
        "min_count": 1,
        "average": decay,
    }
    session = start(find_task("sentiment"), make_config(find_task("sentiment").config, values), tmp_path / "run", [])
    steps, scored = [], []

    class Watch(Callback):
        def on_step(self, trainer):
            steps.append(trainer.head.output.weight.detach().clone())

    validate = session.trainer.evaluate
    session.trainer.evaluate = lambda: (scored.append(session.head.output.weight.detach().clone()), validate())[1]
    session.train([Watch()])
    expected = torch.zeros_like(steps[0]).double()
    for number, weight in enumerate(steps, 1):
        expected.lerp_(weight.double(), max(1 - decay, 4 / (number + 3)) if decay else 1.0)
    kept = read_tensors(session.run.model)[0]["output.weight"]
    assert len(steps) > 2
    for found in (kept, *scored):
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)  # float32 against float64
    assert torch.equal(session.head.output.weight, steps[-1])
