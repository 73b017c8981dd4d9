"""What several test folders share: a small data set that can be learned, and the command line as a subprocess."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout

# The models of the tests are so small that a second thread only waits for the first, here and in every subprocess.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest

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

    def run(*arguments, **options):
        command = [sys.executable, "-m", "seqkit", *map(str, arguments)]
        environment = {**os.environ, **options.pop("env", {})}
        options = {"capture_output": True, "text": True, "timeout": 120, **options}
        return subprocess.run(command, env=environment, check=False, **options)

    return run


@pytest.fixture(scope="session")
def killed():
    """Kills (SIGKILL) a run in the middle of an epoch, and gives back what its checkpoint holds."""
    from seqkit.training.checkpoint import read_tensors

    def run(out, *arguments, between=(1, 5)):
        checkpoint = out / "checkpoint/last.safetensors"
        command = [sys.executable, "-m", "seqkit", "run", *map(str, arguments), "--out", str(out)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            end, position = time.monotonic() + 60, 0
            while time.monotonic() < end and not between[0] <= position <= between[1]:
                time.sleep(0.005)
                position = read_tensors(checkpoint)[1]["progress"]["position"] if checkpoint.exists() else 0
            os.kill(process.pid, signal.SIGKILL)
        tensors, facts = read_tensors(checkpoint)
        assert facts["progress"]["position"] > 0, "it was killed between epochs"
        return tensors, facts

    return run


@pytest.fixture(scope="session")
def command():
    """Runs the command line in this process, which spares the import of torch; gives back what ``seqkit`` would."""
    from seqkit.commands import main

    def run(*arguments):
        out, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(errors), pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, stop.value.code, out.getvalue(), errors.getvalue())

    return run


@pytest.fixture(scope="session")
def trained(reviews, small, seqkit, tmp_path_factory):
    """A finished run and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    done = seqkit("run", "sentiment", "--data", reviews, "--out", out, *small, "--learning-rate", "0.02")
    assert done.returncode == 0, done.stderr
    return out, done
