"""What several test folders share: a small data set that can be learned, and the command line as a subprocess."""

import io
import json
import os
import random
import subprocess
import time
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

# The models of the tests are so small that a second thread only waits for the first, here and in every subprocess.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch
from hypothesis import settings

from tests.starting import Command, start_words

# The same cases in every run, and none fails because the machine is busy.
settings.register_profile("seqkit", derandomize=True, deadline=None)
settings.load_profile("seqkit")


def pytest_addoption(parser):
    parser.addoption("--archives", type=Path, help="check the wheel and the sdist of this folder (make release)")


def pytest_collection_modifyitems(items):
    # `make fast` leaves out whatever trains a run or starts a process, and nobody has to remember to mark it.
    for item in items:
        if {"command", "seqkit"} & {*item.fixturenames}:
            item.add_marker("command")


def process_state():
    """What is the whole process's, so that a test which changes it changes the tests after it."""
    return torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), Path.cwd()


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    """Fails the test that leaves something to those after it, rather than one of them, on some days."""
    before = process_state()
    yield
    assert process_state() == before


@pytest.fixture(scope="session", autouse=True)
def recorded_once():
    """Each cell of ours is recorded once, by the first of ten kinds of tests that compile it or export it.

    A recording takes half a second of processor time, up to two. Cells of tests are recorded each time.
    """
    module, steps = import_module("seqkit.compiler.trace"), {}
    record = module._trace

    def record_once(cell):
        kind = type(cell)
        if not kind.__module__.startswith("seqkit.cells."):
            return record(cell)
        key = kind, kind.step, repr(cell)
        if key not in steps:
            steps[key] = record(cell)
        return steps[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_trace", record_once)
        yield


GOOD = ["wonderful", "brilliant", "moving", "charming", "delightful"]
BAD = ["dull", "awful", "boring", "clumsy", "tedious"]
PLAIN = ["the", "film", "and", "its", "story", "with", "an", "actor", "in", "some", "scene", "that", "we", "saw"]


def review(generator, words):
    text = [*generator.choices(PLAIN, k=generator.randint(2, 12)), generator.choice(words)]
    generator.shuffle(text)
    return " ".join(text)


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """300 short texts in two classes, told apart by a word."""
    generator = random.Random(0)
    rows = [(review(generator, words), label) for words, label in ((GOOD, "good"), (BAD, "bad")) for _ in range(150)]
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


SMALL = ["--hidden-size", "8", "--embedding-size", "8", "--epochs", "3", "--batch-size", "16", "--min-count", "1"]
SMALL += ["--dropout", "0.1", "--embedding-dropout", "0", "--word-dropout", "0"]


@pytest.fixture(scope="session")
def small():
    """Options that make a run take a second."""
    return SMALL


@pytest.fixture(scope="session")
def seqkit():
    """Runs the command line as its own process; gives back the finished process with texts."""

    def run(*arguments, input=None, env=None, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        if input is not None:
            options["stdin"] = subprocess.PIPE
        with Command(*arguments, env={**os.environ, **(env or {})}, **options) as process:
            try:
                out, errors = process.communicate(input, timeout=120)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    return run


@pytest.fixture(scope="session")
def command():
    """Runs the command line in this process, which spares the import of torch; gives back what ``seqkit`` would."""
    from seqkit.commands import main

    def run(*arguments):
        out, errors, threads = io.StringIO(), io.StringIO(), torch.get_num_threads()
        with (
            redirect_stdout(out),
            redirect_stderr(errors),
            pytest.raises(SystemExit) as stop,
            pytest.MonkeyPatch.context() as patch,
        ):
            # A comparison trains each of its runs in a process.
            patch.setattr(
                "seqkit.commands.compare.subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": start_words})
            )
            main([str(argument) for argument in arguments])
        # `bench` and `resume` set the threads of their process, which a later run in this one would train with.
        torch.set_num_threads(threads)
        return subprocess.CompletedProcess(arguments, stop.value.code, out.getvalue(), errors.getvalue())

    return run


@pytest.fixture
def killed_and_resumed(seqkit, command, tmp_path):
    """Checks that a run which is killed (SIGKILL) in mid-epoch and resumed ends as one that was left alone.

    Gives back what the checkpoint held.
    """
    from seqkit.training.checkpoint import read_tensors

    def check(*arguments):
        whole, cut = tmp_path / "whole", tmp_path / "cut"
        done = command("run", *arguments, "--out", whole)
        assert done.returncode == 0, done.stderr
        checkpoint, position = cut / "checkpoint/last.safetensors", 0
        options = ["run", *arguments, "--set", "checkpoint_seconds=0", "--out", cut]
        with Command(*options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            end = time.monotonic() + 60
            while time.monotonic() < end and not 1 < position < 5:
                time.sleep(0.005)
                position = read_tensors(checkpoint)[1]["progress"]["position"] if checkpoint.exists() else 0
            running.kill()
        held = read_tensors(checkpoint)
        assert held[1]["progress"]["position"] > 0, "it was killed between two epochs"
        done = seqkit("resume", cut)
        assert done.returncode == 0, done.stderr
        first, second = (read_tensors(run / "model.safetensors")[0] for run in (whole, cut))
        assert all(torch.equal(first[name], second[name]) for name in first.keys() | second.keys())
        results = [json.loads((run / "results.json").read_text()) for run in (whole, cut)]
        assert results[0]["test"] == results[1]["test"]
        return held

    return check


@pytest.fixture(scope="session")
def trained(reviews, small, seqkit, tmp_path_factory):
    """A finished run and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    done = seqkit("run", "sentiment", "--data", reviews, "--out", out, *small, "--learning-rate", "0.02")
    assert done.returncode == 0, done.stderr
    return out, done


@pytest.fixture(scope="session")
def points(tmp_path_factory):
    """120 points in two classes, left and right, and a column that says nothing."""
    generator = random.Random(0)
    path = tmp_path_factory.mktemp("data") / "points.csv"
    rows = [(generator.gauss(side, 0.3), generator.gauss(0, 1), side) for side in (-1, 1) for _ in range(60)]
    path.write_text("x,y,same,class\n" + "".join(f"{x:.4f},{y:.4f},7,{side}\n" for x, y, side in rows))
    return path


@pytest.fixture(scope="session")
def pointed(points, command, tmp_path_factory):
    """A finished run on the points."""
    out = tmp_path_factory.mktemp("runs") / "points"
    done = command("run", "digit", "--data", points, "--out", out, "--hidden-size", "8", "--epochs", "5", *SMALL[6:8])
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def phrases(tmp_path_factory):
    """48 phrases of two words, and the same in capitals the other way round."""
    path = tmp_path_factory.mktemp("data") / "phrases.tsv"
    words = ["red", "old", "big", "new", "cat", "dog", "box"]
    lines = [f"{a} {b}\t{b.upper()} {a.upper()}" for a in words for b in words if a != b]
    path.write_text("English\tFrench\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def phrased(phrases, command, tmp_path_factory):
    """A finished run on the phrases."""
    out = tmp_path_factory.mktemp("runs") / "phrases"
    options = ["--tokenizer", "word", "--hidden-size", "16", "--epochs", "15", "--batch-size", "4", "--set"]
    done = command("run", "translate", "--data", phrases, "--out", out, *options, "learning_rate=0.02")
    assert done.returncode == 0, done.stderr
    return out
