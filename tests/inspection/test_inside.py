"""What a model does with one input: influence by finite differences, and a model that stays as it was."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seqkit import UsageError
from seqkit.inspection.inside import look_inside


def test_influence_is_what_the_score_gains_as_a_step_grows_by_finite_differences(tiny):
    model, raw, small = tiny(), [3, 5, 7, 2], 1e-6
    steps, worth = look_inside(model, raw).influence["encoder.recurrent"]
    assert steps == ["t3", "t5", "t7", "t2"]
    with torch.no_grad():
        before = model.head(torch.tensor([raw]))
        for symbol, value in zip(raw, worth.tolist(), strict=True):
            model.head.encoder.embedding.weight[symbol] *= 1 + small
            grown = model.head(torch.tensor([raw]))
            model.head.encoder.embedding.weight[symbol] /= 1 + small
            assert value == pytest.approx(float(grown - before) / small, abs=1e-6)


def test_looking_inside_leaves_the_model_as_it_was(tiny):
    model = tiny()
    before = model.head(torch.tensor([[3, 5]]))
    look_inside(model, [3, 5])
    assert torch.equal(model.head(torch.tensor([[3, 5]])), before)
    recurrent = model.head.encoder.recurrent
    assert not recurrent._forward_pre_hooks and "forward" not in vars(recurrent)
    assert all(parameter.grad is None for parameter in model.head.parameters())


def test_a_model_without_time_is_refused():
    model = SimpleNamespace(head=nn.Linear(2, 2), task=SimpleNamespace(name="digit", topology="one to one"))
    with pytest.raises(UsageError, match="a digit model is one to one: it has no time"):
        look_inside(model, "1")
