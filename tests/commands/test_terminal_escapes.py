"""Escapes for terminals in data, names and errors: they reach no terminal and no log."""

import json
import random

import pytest

ESCAPE = "\x1b]52;c;ZXZpbA==\x07"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A table whose labels, texts and column names have escapes in them."""
    folder, draw = tmp_path_factory.mktemp("hostile"), random.Random(0)
    rows = [f"{draw.choice(['good', 'fine'])} film {n} \x9b2J,yes{ESCAPE}" for n in range(40)]
    rows += [f"{draw.choice(['bad', 'poor'])} film {n},no" for n in range(40)]
    path = folder / "reviews.csv"
    path.write_text(f"text,label,{ESCAPE}x\n" + "".join(f"{row},1\n" for row in rows), "utf-8")
    return path


def steering(text):
    return [c for c in text if (c < " " and c not in "\n\t\r") or "\x7f" <= c < "\xa0"]


def test_doctor_shows_escapes_as_signs(command, hostile):
    done = command("doctor", "sentiment", hostile, "--no-timing")
    assert done.returncode == 0, done.stderr
    assert "␛]52" in done.stdout and not steering(done.stdout + done.stderr)


def test_a_run_shows_and_logs_signs_and_keeps_its_data(command, hostile, small, tmp_path):
    out = tmp_path / f"run{ESCAPE}"
    done = command("run", "sentiment", "--data", hostile, "--out", out, *small)
    assert done.returncode == 0, done.stderr
    log = (out / "log.txt").read_text("utf-8")
    assert "␛]52" in done.stdout and not steering(done.stdout + done.stderr + log)
    assert f"yes{ESCAPE}" in json.loads((out / "labels.json").read_text()), "the label itself is not changed"
    piped = command("predict", out, "good film")
    assert piped.stdout.startswith((f"yes{ESCAPE}", "no")), "data in a pipe are as they are"


def test_errors_show_escapes_as_signs(command, tmp_path):
    for words in (("predict", f"nowhere{ESCAPE}", "x"), ("run", f"sen{ESCAPE}"), ("run", "sentiment", f"--x{ESCAPE}")):
        done = command(*words)
        assert done.returncode and "52;c" in done.stderr and not steering(done.stderr), done.stderr
