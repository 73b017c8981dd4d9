"""Unbalanced and weighted data on the command line: what weights do, what a run keeps of them, and its tables."""

import json
import random
import re

import pytest
import torch

from seqkit import load
from seqkit.config import read_toml
from seqkit.runs import find_task, resume, start
from seqkit.runs.model import open_run
from seqkit.training import Callback, Stopped
from seqkit.training.checkpoint import read_tensors

FAST = ["--num-layers", "0", "--noise", "0", "--epochs", "30", "--batch-size", "32", "--set", "learning_rate=0.05"]


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """600 points on a line: one in twenty is "rare", around 2, and the others around 0, with a weight of 19 and 1."""
    draw, rows = random.Random(0), []
    for number in range(600):
        label = "common" if number % 20 else "rare"
        rows.append(f"{draw.gauss(2 * (label == 'rare'), 1):.4f},{label},{19 if label == 'rare' else 1}")
    path = tmp_path_factory.mktemp("rare") / "rare.csv"
    path.write_text("x,label,times\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def trained_with(rare, command, tmp_path_factory):
    """A finished run with these options, and what it printed."""

    def run(*options):
        out = tmp_path_factory.mktemp("runs") / "run"
        columns = ["--feature-columns", "x", "--valid-fraction", "0.3", "--test-fraction", "0.3"]
        done = command("run", "digit", "--data", rare, "--out", out, *columns, *FAST, *options)
        assert done.returncode == 0, done.stderr
        return out, done

    return run


def results_of(run):
    return json.loads((run / "results.json").read_text())


def test_a_rare_label_is_found_once_it_has_the_weight_of_the_others(trained_with, rare, tmp_path):
    plain, printed = trained_with()
    labels = results_of(plain)["labels"]
    assert labels["rare"]["recall"] < 0.2 and labels["rare"]["support"] == 9
    assert labels["common"]["recall"] > 0.95 and labels["common"]["support"] == 171
    assert re.search(r"Labels\nlabel +precision +recall +F1 +count\ncommon +0\.9", printed.stdout)
    (tmp_path / "w.json").write_text('{"rare": 19}')
    probabilities = []
    for options in (
        ["--class-weight", "balanced"],
        ["--class-weight", tmp_path / "w.json"],
        ["--class-weight", '{"rare": 19}'],
        ["--weight-column", "times"],
    ):
        out, _ = trained_with(*options, "--select", "loss")
        assert results_of(out)["labels"]["rare"]["recall"] > 0.5
        assert results_of(out)["selected_by"] == "loss"
        lines = (out / "predictions.jsonl").read_text().splitlines()
        probabilities.append([json.loads(line)["probabilities"]["rare"] for line in lines])
    # Four ways to say the same, but for the rounding of weights and sums in float32.
    for row in probabilities[1:]:
        assert row == pytest.approx(probabilities[0], abs=1e-3)


def test_what_was_chosen_is_in_the_configuration_and_the_weights_in_a_file(trained_with, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.csv").write_text("label,weight\nrare,19\n")
    out, _ = trained_with("--class-weight", "w.csv", "--epochs", "1")
    config = read_toml(out / "config.toml")
    assert config["class_weight"] == str(tmp_path / "w.csv")
    assert json.loads((out / "class_weights.json").read_text()) == {"common": 1.0, "rare": 19.0}
    balanced, _ = trained_with("--class-weight", "balanced", "--weight-column", "times", "--epochs", "1")
    config = read_toml(balanced / "config.toml")
    assert (config["class_weight"], config["weight_column"]) == ("balanced", "times")
    plain, _ = trained_with("--epochs", "1")
    assert not (plain / "class_weights.json").exists()
    # The weights are those of the run, wherever the file has gone.
    (tmp_path / "w.csv").unlink()
    assert load(out).head.class_weights.tolist() == [1.0, 19.0]


def test_a_file_without_weights_is_evaluated(trained_with, command, tmp_path):
    out, _ = trained_with("--weight-column", "times", "--epochs", "1")
    (tmp_path / "new.csv").write_text("x,label\n0.1,common\n2,rare\n")
    done = command("evaluate", out, "--data", tmp_path / "new.csv", "--json")
    assert json.loads(done.stdout)["examples"] == 2, done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class-weight", '{"raer": 2}'], "label 'raer' is not in the training split; did you mean 'rare'?"),
        (["--class-weight", "nowhere.json"], "nowhere.json; check the path"),
        (["--weight-column", "time"], "did you mean --weight-column 'times'?"),
        (["--weight-column", "label"], "rare.csv:2: column 'label' is 'rare', but a weight is a number of 0 or more"),
        (["--select", "acuracy"], "unknown score to select by 'acuracy'; did you mean 'accuracy'?"),
    ],
)
def test_what_cannot_be_is_reported_in_one_sentence_before_a_run_begins(
    options, message, rare, command, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = command("run", "digit", "--data", rare, "--out", tmp_path / "run", *options)
    assert done.returncode in (1, 2) and done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_crf_refuses_weights_before_a_run_begins(command, tmp_path):
    (tmp_path / "a.conll").write_text("".join(f"w{n} {'NV'[n % 2]}\nx N\n\n" for n in range(30)))
    options = ["--data", tmp_path / "a.conll", "--out", tmp_path / "run", "--crf", "true", "--class-weight", "balanced"]
    done = command("run", "tag", *options)
    assert done.returncode == 2
    assert "labels can't have weights; leave out class_weight or crf" in done.stderr
    assert not (tmp_path / "run").exists()


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        trainer.stopping = trainer.progress.step == self.step


def test_a_run_with_weights_ends_with_the_same_bits(reviews, command, small, tmp_path):
    """Though the file of the weights of labels is gone by then."""
    lines = reviews.read_text().splitlines()
    weighted = [f"{line},{0.25 + number % 7}" for number, line in enumerate(lines[1:])]
    (tmp_path / "weighted.csv").write_text("\n".join([f"{lines[0]},w", *weighted]) + "\n")
    (tmp_path / "labels.json").write_text('{"good": 0.3}')
    options = ["--data", tmp_path / "weighted.csv", "--weight-column", "w", "--class-weight", tmp_path / "labels.json"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    done = command("run", "sentiment", *options, *small, "--out", whole, "--epochs", "2")
    assert done.returncode == 0, done.stderr
    # The same run again, stopped in the middle of both epochs.
    session = start(find_task("sentiment"), open_run(whole).config, stopped, [])
    (tmp_path / "labels.json").unlink()
    for step in (5, 21):
        with pytest.raises(Stopped):
            session.train([StopAt(step)])
        session = resume(stopped, [])
    session.train()
    session.finish()
    for file in ("model.safetensors", "checkpoint/last.safetensors"):
        (first, _), (second, _) = (read_tensors(run / file) for run in (whole, stopped))
        assert all(torch.equal(first[name], second[name]) for name in first)
    metrics = [(run / "metrics.jsonl").read_text() for run in (whole, stopped)]
    assert metrics[0] == metrics[1]
