"""Every task gives the same weights and scores in one, two and four processes."""

import json
import subprocess
import sys

import pytest
import torch

from seqkit.config import make_config, options_of
from seqkit.runs import Training, find_task
from seqkit.runs.directory import RunDirectory
from seqkit.training.checkpoint import read_tensors
from tests.contract.conftest import FAMILIES, SMALL, TARGETS
from tests.device.test_every_task import CASES


def values_of(case, folder, **own):
    """A task with tiny data: its name and all its options."""
    what, options = CASES[case]
    task = find_task(what.partition(" ")[0])
    family = TARGETS.get(what) or next(family for base, family in FAMILIES.items() if isinstance(task, base))
    folder.mkdir(exist_ok=True)
    known = options_of(task.config)
    values = {**SMALL, **family.options, **options, "data": str(family.write(folder)), "device": "cpu", **own}
    if "caption" in what:
        # A single picture of one place has no statistics.
        values["batch_size"] = 20
    return task.name, {name: value for name, value in values.items() if name in known}


def gradients(name, values, shards):
    """Those of the first step, without random numbers."""
    task = find_task(name)
    known = options_of(task.config)
    still = {name: 0.0 for name in known if "dropout" in name or name in ("forgetting", "augmentation", "noise")}
    config = make_config(task.config, {**values, **still, "shards": shards, "clip": 0.0, "average": 0.0})
    splits = task.read(config, [])
    training = Training(task, config, task.learn_codec(config, splits.train), splits)
    trainer = training.trainer
    with training._generators():
        trainer._step(trainer.batches.plan(0)[:2])
    return trainer.progress, {n: p.grad for n, p in trainer.head.named_parameters() if p.grad is not None}


EXCEPT = {"forcing": "draws tokens", "caption": "normalises each shard", "a picture's vector": "normalises each shard"}


@pytest.mark.parametrize("case", [case for case in CASES if case not in EXCEPT])
def test_the_gradient_of_a_step_is_the_same_in_shards_and_in_one_piece(case, tmp_path):
    name, values = values_of(case, tmp_path / "data")
    progress, expected = gradients(name, values, 0)
    in_shards, found = gradients(name, values, 3)
    assert in_shards.examples == progress.examples
    assert in_shards.loss_sum == pytest.approx(progress.loss_sum, rel=1e-5)
    assert found.keys() == expected.keys()
    for parameter, gradient in expected.items():
        # Float32 in other orders of summation.
        torch.testing.assert_close(
            found[parameter], gradient, rtol=1e-3, atol=1e-5, msg=lambda m, n=parameter: f"{n}: {m}"
        )


@pytest.mark.slow
@pytest.mark.command
def test_every_task_gives_the_same_bits_in_one_two_and_four_processes(torchrun, tmp_path):
    cases = {case: values_of(case, tmp_path / f"data {case}", shards=4, epochs=2) for case in CASES}
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    words = ["tests.distributed.together", tmp_path / "cases.json"]
    alone = [sys.executable, "-m", *map(str, words), str(tmp_path / "1")]
    subprocess.run(alone, check=True)
    for processes in (2, 4):
        done = torchrun(processes, *words, tmp_path / str(processes))
        assert done.returncode == 0, done.stderr[-3000:]
    for case in cases:
        runs = [RunDirectory(tmp_path / str(processes) / case) for processes in (1, 2, 4)]
        expected, *others = [(run.model.read_bytes(), read_tensors(run.checkpoint)[0]) for run in runs]
        for model, checkpoint in others:
            assert checkpoint.keys() == expected[1].keys(), case
            for name, tensor in checkpoint.items():
                assert torch.equal(tensor, expected[1][name]), (case, name)
            assert len(model) == len(expected[0]), case
        metrics = {run.metrics.read_text() for run in runs}
        assert len(metrics) == 1, case


def test_gradients_of_one_process_lie_in_memory_as_those_of_several():
    # torch's LSTM gives some with gaps between rows, and the norm of such a tensor is added up in another order.
    task, options = find_task("sentiment"), {"hidden_size": 6, "embedding_size": 6, "batch_size": 8, "device": "cpu"}
    data = "tests/runs/made_by_0_1_0/data/reviews.csv"
    config = make_config(task.config, {**options, "data": data, "kernel": "torch", "shards": 4})
    splits = task.read(config, [])
    training = Training(task, config, task.learn_codec(config, splits.train), splits)
    with training._generators():
        for number in range(2):
            training.trainer._step(training.trainer.batches.plan(0)[number : number + 1])
            found = [p.grad for p in training.head.parameters() if p.grad is not None]
            assert all(gradient.is_contiguous() for gradient in found)
