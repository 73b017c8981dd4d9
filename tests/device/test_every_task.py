"""Every task, and the options that compute in ways of their own, on a device beside the CPU."""

import dataclasses
import warnings

import pytest
import torch

from seqkit.config import make_config, options_of
from seqkit.devices import placed
from seqkit.inspection.inside import look_inside
from seqkit.layers import Recurrent
from seqkit.runs import Model, Training, available_tasks, find_task
from seqkit.topologies import Explains, Generates
from tests.contract.conftest import FAMILIES, SMALL, TARGETS
from tests.contract.test_every_task import alike

CASES = {name: (name, {}) for name in [*available_tasks(), *TARGETS]} | {
    "a CRF with several answers": ("tag", {"crf": True, "n_best": 2}),
    "a cell without an operator of torch": ("text", {"cell": "lstm-layer-norm", "num_layers": 2}),
    "a GRU in two layers": ("charlm", {"cell": "gru", "num_layers": 2}),
    "recall": ("charlm", {"recall": 4}),
    "language models first": ("text", {"pretrain": "auto"}),
    "weights of classes": ("sentiment", {"class_weight": "balanced"}),
    "coverage": (
        "translate",
        {"attention": "additive", "input_feeding": True, "coverage": True, "coverage_penalty": 0.2, "guidance": 0.5},
    ),
    "greedy search": ("translate", {"beam_size": 1, "no_repeat_ngram": 2}),
    "forcing": ("g2p", {"forcing": "inverse-sigmoid", "forcing_floor": 0.1, "forcing_steps": 2}),
    "a picture's vector": ("caption", {"start": "first"}),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """A task with tiny data: itself, a configuration, splits and a codec."""
    what, own = CASES[request.param]
    task = find_task(what.partition(" ")[0])
    family = TARGETS.get(what) or next(family for base, family in FAMILIES.items() if isinstance(task, base))
    data = family.write(tmp_path_factory.mktemp("data"))
    # What is drawn at random is drawn by a device in its own way, so nothing is.
    known = options_of(task.config)
    still = {name: 0.0 for name in known if "dropout" in name or name in ("forgetting", "augmentation")}
    options = {**SMALL, **family.options, **still, **own, "data": str(data), "device": "cpu"}
    config = make_config(task.config, {name: value for name, value in options.items() if name in known})
    splits = task.read(config, [])
    return task, config, splits, task.learn_codec(config, splits.train)


def on(device, case):
    """The training of the case on a device, its first weights there."""
    task, config, splits, codec = case
    training = Training(task, dataclasses.replace(config, device=device), codec, splits)
    training.begin([])
    training.trainer.place(training.device)
    return training


def loss_and_gradients(training):
    batches, head = training.trainer.batches, training.head.eval()
    batch = placed(batches.batch(batches.plan(0)[0]), training.device)
    loss = training.trainer.loss(batch)
    loss.mean.backward()
    return float(loss.sum.detach()), {n: p.grad.cpu() for n, p in head.named_parameters() if p.grad is not None}


def test_a_loss_and_its_gradients_are_those_of_the_cpu(case, device):
    (expected, gradients), (found, own) = (loss_and_gradients(on(where, case)) for where in ("cpu", device))
    # Float32 in other orders of summation: 1e-7 for each of some hundred terms.
    assert found == pytest.approx(expected, rel=1e-4)
    assert own.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(own[name], gradient, rtol=1e-3, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


def inputs_of(case):
    task, _, splits, _ = case
    return [task.input_of(example) for example in splits.test]


def test_predictions_explanations_and_pictures_are_those_of_the_cpu(case, device):
    task, config, splits, codec = case
    models = []
    for where in ("cpu", device):
        training = on(where, case)
        models.append(Model(task, config, codec, training.head.eval()))
        assert str(models[-1].device) == where
    expected, found = (model.predict(inputs_of(case)) for model in models)
    assert alike(found, expected)
    assert task.draw_pictures(models[1].head, codec, found, splits.test).keys() >= set()
    raw = inputs_of(case)[0]
    raw = next(iter(raw.blocks()))[:40] if hasattr(raw, "blocks") else raw
    if isinstance(task, Explains):
        answers = [task.explain(model.head, codec, raw) for model in models]
        assert answers[0].answer == answers[1].answer
        assert float(answers[1].score.detach()) == pytest.approx(float(answers[0].score.detach()), rel=1e-3, abs=1e-4)
    if any(isinstance(module, Recurrent) for module in models[1].head.modules()):
        assert look_inside(models[1], raw)
    if isinstance(task, Generates):
        # The CPU draws, so a seed gives one text; rounding could change a letter, but not in so few.
        texts = ["".join(model.generate("ba", length=12, seed=3, no_repeat_ngram=3)) for model in models]
        assert texts[0] == texts[1]


@pytest.mark.slow
def test_a_training_comes_where_that_of_the_cpu_comes(case, device):
    losses = []
    for where in ("cpu", device):
        training = on(where, case)
        training.train()
        training.tune()
        losses.append(training.trainer.progress.history[-1]["loss"])
    # The first steps of AdamW go as far for a gradient of 1e-7 as for one of 1; 3 % is ten times what was seen.
    forced = getattr(case[1], "forcing_floor", 1.0) == 1.0
    assert losses[1] == pytest.approx(losses[0], rel=0.03 if forced else 0.3)


@pytest.mark.slow
def test_nothing_waits_to_be_warned_of(case, device):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training = on(device, case)
        training.trainer.head.train()
        loss_and_gradients(training)
