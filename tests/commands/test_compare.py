"""``seqkit compare``: cells and seeds side by side, stopped and gone on with, and what is refused."""

import json
import shutil
import signal
import subprocess
import time

import pytest

from seqkit.commands.compare import _wait_for_stopping
from tests.starting import Command


@pytest.fixture(scope="module")
def options(reviews, small):
    return ["sentiment", "--data", reviews, *small, "--epochs", "2"]


@pytest.fixture(scope="module")
def whole(options, command, tmp_path_factory):
    """A finished comparison of two cells and what it printed."""
    out = tmp_path_factory.mktemp("compare") / "whole"
    done = command("compare", *options, "--cells", "rnn,gru", "--seeds", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done


def timeless(folder):
    found = json.loads((folder / "compare.json").read_text())
    assert len(found.pop("digest")) == 32
    return {**found, "cells": {c: {**f, "seconds": 0, "peak_memory_mb": 0} for c, f in found["cells"].items()}}


def test_a_comparison_shows_and_keeps_what_its_runs_found(whole):
    out, done = whole
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[:-1])
    assert done.stdout.splitlines()[-1] == f"In {out}: compare.json, compare.html, compare.png, compare.svg"
    facts = json.loads((out / "compare.json").read_text())
    for cell, found in facts["cells"].items():
        results = json.loads((out / f"{cell}-0/results.json").read_text())
        assert found["scores"] == [found["mean"]] == [results["test"]["accuracy"]]
        assert (found["parameters"], found["seconds"]) == (results["parameters"], results["seconds"])
        assert f"{found['mean']:.4f}" in done.stdout and f"{found['parameters']:,}" in done.stdout
        assert found["baseline_mean"] == results["baseline"]["accuracy"]
    assert 0 < facts["p_values"][0]["p"] <= 1 and facts["resamples"] == 1000
    assert (out / "compare.png").read_bytes().startswith(b"\x89PNG") and b"<svg" in (out / "compare.svg").read_bytes()
    assert f"{out / 'gru-0'}: run 2 of 2" in done.stderr
    page = (out / "compare.html").read_text("utf-8")
    best = max(facts["cells"], key=lambda cell: facts["cells"][cell]["mean"])
    assert f"Best of the cells on the test split: {best}" in page and "<svg" in page


def test_a_finished_comparison_is_shown_again_without_training(whole, options, command):
    out, done = whole
    before = (out / "gru-0/model.safetensors").stat().st_mtime_ns
    again = command("compare", *options, "--cells", "rnn,gru", "--seeds", "1", "--out", out)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert (out / "gru-0/model.safetensors").stat().st_mtime_ns == before and "epoch" not in again.stderr


def test_a_comparison_that_was_stopped_ends_with_the_same_table(whole, options, command, tmp_path):
    out = tmp_path / "cut"
    shutil.copytree(whole[0] / "rnn-0", out / "rnn-0")
    words = ["compare", *map(str, options), "--cells", "rnn,gru", "--seeds", "1", "--out", str(out)]
    with Command(*words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 60
        # The first run is finished, the second is there and perhaps under way.
        while time.monotonic() < end and not (out / "gru-0/checkpoint/last.safetensors").exists():
            time.sleep(0.005)
        running.send_signal(signal.SIGTERM)
        told = running.communicate(timeout=60)[1]
    assert running.returncode == 128 + signal.SIGTERM, told
    assert "stopped; resume with the same options: seqkit compare sentiment --cells rnn,gru --seeds 1" in told
    assert (out / "rnn-0/results.json").exists() and not (out / "compare.json").exists()
    before = (out / "rnn-0/model.safetensors").stat().st_mtime_ns
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert (out / "rnn-0/model.safetensors").stat().st_mtime_ns == before
    assert timeless(out) == timeless(whole[0])


def test_a_comparison_waits_for_the_run_that_a_killed_one_has_left(monkeypatch, tmp_path):
    """It stops by itself, and first writes a checkpoint; until then it has its folder."""
    held, said = [True, True, True, False], []
    monkeypatch.setattr("seqkit.runs.lock.is_held", lambda folder: held.pop(0))
    _wait_for_stopping(tmp_path, said.append, [])
    assert (held, said) == ([], [f"{tmp_path}: waiting for the process that is at work there"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--cells", "rnn,gru", "--epochs", "3"],
            "was made with epochs 2, not 3; give the options it was",
        ),
        (["--cells", "rnn,gru", "--dropout", "0.2"], "was made with dropout 0.1, not 0.2"),
        (["--cells", "rnn,gur"], "unknown cell 'gur'; did you mean 'gru'?"),
        (["--cells", "rnn,rnn"], "--cells must name each cell once"),
        (["--cells", ","], "--cells names no cell; give some, such as --cells rnn,lstm,gru"),
        (["--cells", "rnn", "--seeds", "0"], "0 is not in the range"),
        ([], "Missing option '--cells'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_run(words, message, whole, options, command):
    done = command("compare", *options, "--out", whole[0], *words)
    assert (done.returncode, done.stdout) == (2, "") and message in done.stderr


def test_a_task_without_a_cell_is_refused(command, tmp_path):
    done = command("compare", "digit", "--cells", "rnn", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (
        2,
        "seqkit: digit has no recurrent cell to compare; compare another task\n",
    )


def test_a_run_that_fails_ends_the_comparison_with_its_reason(command, capfd, small, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nfine,good\n")
    done = command("compare", "sentiment", "--data", tmp_path / "a.csv", "--cells", "rnn", "--out", tmp_path / "out")
    assert done.returncode == 1 and "rnn-0 failed, as said above; fix that" in done.stderr
    assert "seqkit: " in capfd.readouterr().err


def test_finished_runs_are_set_side_by_side_as_in_their_comparison(whole, command):
    out, _ = whole
    done = command("compare", out / "rnn-0", out / "gru-0")
    (pair,) = json.loads((out / "compare.json").read_text())["p_values"]
    assert done.returncode == 0 and "rnn-0 – gru-0" in done.stdout
    assert f"{pair['difference']:+.4f}" in done.stdout and f"{pair['p']:.3f}" in done.stdout


def test_runs_that_cannot_be_compared_are_refused(whole, command, tmp_path, request):
    out, _ = whole
    other = request.config.rootpath / "tests/runs/made_by_0_1_0"
    for runs, message in (
        ([out / "rnn-0", out / "rnn-0"], "each run may be named only once"),
        ([out / "rnn-0", tmp_path], "is not finished"),
        ([out / "rnn-0", other / "digit-stopped"], "is not finished; finish it first: seqkit resume"),
        ([out / "rnn-0"], "to compare takes two runs or more; name another beside"),
        ([tmp_path / "none", out / "rnn-0"], "none is neither a task nor a run"),
        ([tmp_path, out / "rnn-0"], "is neither a task nor a run"),
    ):
        done = command("compare", *runs)
        assert done.returncode == 2 and message in done.stderr, done.stderr
