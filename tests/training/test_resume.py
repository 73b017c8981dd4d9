"""A run that was stopped finishes with exactly the weights an uninterrupted run would have, bit for bit."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from seqkit.config import make_config
from seqkit.errors import SeqkitError
from seqkit.runs import find_task, resume, start
from seqkit.runs.directory import RunDirectory
from seqkit.training import Callback, Stopped
from seqkit.training.checkpoint import read_tensors
from tests.starting import Command

OWN = {
    "sentiment": {"batch_size": 20, "min_count": 1},
    # The file of reviews is as good a text as any.
    "charlm": {"streams": 12, "chunk": 32, "dropout": 0.2},
}
KINDS = {"weights": ("sentiment", 0.0), "average": ("sentiment", 0.9), "carried state": ("charlm", 0.9)}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def make(reviews, request):
    """Starts a run; each test that uses it is run with and without an average of the weights, and with streams."""
    name, average = request.param
    task = find_task(name)

    def started(out, **changes):
        values = {"data": str(reviews), "hidden_size": 6, "embedding_size": 5, "epochs": 3, "num_layers": 2}
        config = make_config(task.config, {**values, "average": average, **OWN[name], **changes})
        return start(task, config, out, [])

    return started


@pytest.fixture(scope="module")
def whole(make, tmp_path_factory):
    """A run that nobody stopped."""
    session = make(tmp_path_factory.mktemp("whole") / "run")
    session.train()
    return session


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        if trainer.progress.step == self.step:
            trainer.stopping = True


def everything(path):
    """Everything that a run has learned and how far it is, except for times."""
    tensors, facts = read_tensors(RunDirectory(path).checkpoint)
    facts["progress"].pop("seconds")
    # Runs that write checkpoints at other times have other configurations, and so other identities.
    facts.pop("run")
    best, _ = read_tensors(RunDirectory(path).model)
    # Decided when a run is finished, which not all of these are.
    best.pop("regression.share", None)
    return tensors, best, facts


def assert_same(first, second):
    for ours, theirs in zip(first[:2], second[:2], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert torch.equal(ours[name], theirs[name]), name
    assert first[2] == second[2]


def test_stopping_at_ten_random_steps_in_a_row_changes_no_bit(make, whole, tmp_path):
    steps = whole.trainer.progress.step
    session = make(tmp_path / "stopped")
    for step in sorted(random.Random(1).sample(range(1, steps + 1), 10)):
        with pytest.raises(Stopped):
            session.train([StopAt(step)])
        assert session.trainer.progress.step == step
        session = resume(tmp_path / "stopped", [])
    session.train()
    assert_same(everything(tmp_path / "stopped"), everything(whole.run.path))
    assert session.finish().results["test"] == whole.finish().results["test"]


def test_stopping_while_evaluating_changes_no_bit(make, whole, tmp_path):
    session = make(tmp_path / "stopped")
    validate, calls = session.trainer.evaluate, []

    def interrupted():
        calls.append(1)
        session.trainer.stopping = len(calls) == 2
        return validate()

    session.trainer.evaluate = interrupted
    with pytest.raises(Stopped):
        session.train()
    assert session.trainer.progress.epoch == 1
    again = resume(tmp_path / "stopped", [])
    again.train()
    assert_same(everything(tmp_path / "stopped"), everything(whole.run.path))


def test_training_leaves_everybody_elses_random_numbers_alone(make, tmp_path):
    torch.manual_seed(5)
    random.seed(5)
    expected = torch.rand(2), random.random()
    torch.manual_seed(5)
    random.seed(5)
    make(tmp_path / "run").train()
    assert (torch.rand(2), random.random())[1] == expected[1]
    torch.manual_seed(5)
    make(tmp_path / "other").train()
    assert torch.equal(torch.rand(2), expected[0])


def test_changed_data_are_refused(make, reviews, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(reviews.read_bytes())
    session = make(tmp_path / "run", data=str(copy))
    with pytest.raises(Stopped):
        session.train([StopAt(2)])
    copy.write_text(copy.read_text().replace("dull", "drab"))
    with pytest.raises(SeqkitError, match="have changed since the run began"):
        resume(tmp_path / "run", [])


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(make, tmp_path):
    class Poison(Callback):
        def on_step(self, trainer):
            if trainer.progress.step == 4:
                next(trainer.head.parameters()).data.fill_(float("nan"))

    session = make(tmp_path / "run")
    with pytest.raises(SeqkitError, match=r"not finite at step 5 \(loss nan, learning rate .*gradient norm"):
        session.train([Poison()])
    tensors, facts = read_tensors(session.run.checkpoint)
    assert facts["progress"]["step"] == 0
    assert all(t.isfinite().all() for t in tensors.values() if t.is_floating_point())


def spawn(*arguments):
    return Command(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


LONG = [
    "--epochs",
    "4",
    "--patience",
    "0",
    "--average",
    "0.9",
    "--hidden-size",
    "32",
    "--batch-size",
    "4",
    "--seed",
    "3",
]


def wait_for_step(path, step):
    """Until the run's checkpoint has come so far."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (Path(path) / "checkpoint" / "last.safetensors").exists():
            _, facts = read_tensors(RunDirectory(path).checkpoint)
            if facts["progress"]["step"] >= step:
                return
        time.sleep(0.02)
    pytest.fail("the run made no progress in a minute")


@pytest.fixture(scope="module")
def never_stopped(reviews, tmp_path_factory, command):
    out = tmp_path_factory.mktemp("whole") / "run"
    done = command("run", "sentiment", "--data", reviews, "--out", out, *LONG)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_stopped_by_a_signal_ends_with_the_same_weights(
    number, code, reviews, never_stopped, tmp_path, command, monkeypatch
):
    out = tmp_path / "run"
    options = [*LONG, "--set", "checkpoint_seconds=0.1"]
    running = spawn("run", "sentiment", "--data", reviews, "--out", out, *options)
    wait_for_step(out, 20)
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == code
    if number != signal.SIGKILL:
        assert f"seqkit resume {out}" in errors
    monkeypatch.chdir(os.sep)
    done = command("resume", out)
    assert done.returncode == 0, done.stderr
    assert_same(everything(out), everything(never_stopped))
    results = [json.loads((path / "results.json").read_text()) for path in (out, never_stopped)]
    assert results[0]["test"] == results[1]["test"]
    again = command("resume", out)
    assert again.returncode == 0
    assert "is finished" in again.stderr
