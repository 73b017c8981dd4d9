"""A finished run continues: more epochs, new scores, and a note that the test split was scored before."""

import json
import shutil

import pytest
import torch

from seqkit import UsageError
from seqkit.commands.terminal import Reporter
from seqkit.commands.training import write_findings
from seqkit.config import make_config, read_toml
from seqkit.report.page import write_report
from seqkit.runs import find_task, resume, start
from seqkit.runs.extension import extend
from seqkit.training import Callback, Stopped
from seqkit.training.checkpoint import read_tensors

SIZES = {"hidden_size": 6, "embedding_size": 5, "batch_size": 20, "min_count": 1, "dropout": 0.2, "average": 0.9}
# A rate that no epoch's number changes: 2 epochs and 2 more are then the same training as 4.
STEADY = {"schedule": "constant", "warmup": 0.0, "patience": 0}


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        trainer.stopping = trainer.progress.step == self.step


def begin(reviews, out, epochs, **values):
    task = find_task("sentiment")
    return start(task, make_config(task.config, {"data": str(reviews), "epochs": epochs, **SIZES, **values}), out, [])


def assert_same_weights(first, second):
    for name in ("model.safetensors", "checkpoint/last.safetensors"):
        ours, theirs = (read_tensors(run / name)[0] for run in (first, second))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name


@pytest.fixture(scope="module")
def finished(reviews, tmp_path_factory):
    """A run of 2 epochs with its scores."""
    out = tmp_path_factory.mktemp("finished") / "run"
    session = begin(reviews, out, 2, **STEADY)
    session.train()
    session.finish()
    return out


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def test_two_epochs_and_two_more_are_four(run, reviews, tmp_path):
    whole = begin(reviews, tmp_path / "whole", 4, **STEADY)
    whole.train()
    before = json.loads((run / "results.json").read_text())
    extend(run, 4)
    assert read_toml(run / "config.toml")["epochs"] == 4
    session = resume(run, [])
    with pytest.raises(Stopped):
        session.train([StopAt(session.trainer.progress.step + 40)])
    session = resume(run, [])
    session.train()
    assert_same_weights(run, tmp_path / "whole")
    results = session.finish().results
    assert results["epochs"] == 4
    assert results["scored_before"] == [{"epochs": 2, "test": before["test"]}]
    assert "scored_before" not in whole.finish().results


def test_the_page_that_a_resumed_run_writes_is_the_one_that_report_makes(run):
    # It named the device that `resume` had found, which is no option of the run.
    extend(run, 3)
    session = resume(run, [])
    session.train()
    assert write_findings(session, session.finish(), [], Reporter())
    page = (run / "report.html").read_bytes()
    assert write_report(run).read_bytes() == page


def test_a_run_that_lost_patience_gets_it_back(reviews, tmp_path):
    # With so small a rate nothing becomes better, and patience ends the training after the third epoch.
    session = begin(reviews, tmp_path / "run", 9, patience=2, learning_rate=1e-12, average=0.0)
    session.train()
    assert session.trainer.progress.epoch == 3
    extend(tmp_path / "run", 8)
    session = resume(tmp_path / "run", [])
    session.train()
    assert session.trainer.progress.epoch == 5


def test_no_more_epochs_than_there_were_are_refused_and_nothing_changes(run):
    write_report(run)
    for epochs in (0, 1):
        with pytest.raises(UsageError, match=r"at least 1|has had 2 epochs; --epochs counts them all"):
            extend(run, epochs)
    extend(run, 2)
    assert read_toml(run / "config.toml")["epochs"] == 2
    assert (run / "results.json").exists()


@pytest.mark.parametrize("writes", range(1, 6))
def test_an_extension_that_breaks_off_anywhere_leaves_a_run_that_can_be_extended(writes, run, monkeypatch):
    import seqkit.files
    from seqkit.runs import directory
    from seqkit.training import checkpoint

    left, write = [writes], seqkit.files.write_atomic

    def failing(path, content, *check):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        write(path, content, *check)

    for module in (seqkit.files, directory, checkpoint):
        monkeypatch.setattr(module, "write_atomic", failing)
    with pytest.raises(KeyboardInterrupt):
        extend(run, 3)
        raise KeyboardInterrupt
    left[0] = 10**6
    extend(run, 3)
    session = resume(run, [])
    session.train()
    assert session.finish().results["scored_before"][0]["epochs"] == 2


def test_the_command_continues_says_so_and_can_be_given_twice(run, command):
    done = command("resume", run)
    assert done.returncode == 0
    assert f"seqkit resume {run} --epochs 3" in done.stderr
    done = command("resume", run, "--epochs", "3")
    assert done.returncode == 0, done.stderr
    assert "epoch  3/3" in done.stderr
    assert "The test split was scored before, after 2 epochs (" in done.stdout
    assert "The test split was scored before, after 2 epochs (" in (run / "report.html").read_text("utf-8")
    whole = {path.name: path.read_bytes() for path in run.glob("*.jsonl")}
    for lost in (["report.html"], ["results.json", "report.json", "report.html"]):
        # As a kill on the way leaves them.
        for name in lost:
            (run / name).unlink()
        again = command("resume", run, "--epochs", "3")
        assert again.returncode == 0, again.stderr
        assert (run / "results.json").exists() and (run / "report.html").exists()
    assert whole == {path.name: path.read_bytes() for path in run.glob("*.jsonl")}
    # The command may have been killed right before its end.
    again = command("resume", run, "--epochs", "3")
    assert again.returncode == 0
    assert f"{run} is finished; nothing to resume" in again.stderr
    assert command("resume", run, "--epochs", "2").returncode == 2


def test_a_folder_without_its_first_checkpoint_is_not_a_run(reviews, tmp_path, monkeypatch):
    from seqkit.runs.session import Session

    def killed(self, run):
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "keep_start", killed)
    with pytest.raises(KeyboardInterrupt):
        begin(reviews, tmp_path / "run", 1)
    with pytest.raises(UsageError, match="is not a run"):
        resume(tmp_path / "run", [])
