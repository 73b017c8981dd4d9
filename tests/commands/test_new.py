"""``seqkit new``: what it writes works as it is, by the tests that it writes."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def pytest_in(tmp_path):
    """Runs a generated test as its owner would, in a process of its own."""

    def run(test):
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", test]
        return subprocess.run(words, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=300)

    return run


def test_a_new_cell_passes_its_test_and_compiles(command, pytest_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = command("new", "cell", "my-cell")
    assert done.returncode == 0, done.stderr
    assert "seqkit kernels build --cell my_cell.py:MyCell" in done.stdout
    tested = pytest_in("test_my_cell.py")
    assert tested.returncode == 0 and "4 passed" in tested.stdout, tested.stdout
    shown = command("kernels", "build", "--show", "--cell", "my_cell.py:MyCell")
    assert shown.returncode == 0 and "sigmoid(" in shown.stdout, shown.stderr


def test_the_test_of_a_new_cell_finds_a_wrong_sign(command, pytest_in, tmp_path):
    assert command("new", "cell", "my-cell", "--out", tmp_path).returncode == 0
    path = tmp_path / "my_cell.py"
    path.write_text(path.read_text().replace("return ((1 - f) * h", "return ((1 + f) * h"))
    assert "test_the_layer_computes_the_equation" in pytest_in("test_my_cell.py").stdout


def test_a_new_task_passes_its_test(command, pytest_in, tmp_path):
    done = command("new", "task", "questions", "--out", tmp_path)
    assert done.returncode == 0 and 'questions = "questions:TASK"' in done.stdout
    tested = pytest_in("test_questions.py")
    assert tested.returncode == 0 and "3 passed" in tested.stdout, tested.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cell", "My Cell"], "cannot name a cell"),
        (["cell", "../cell"], "cannot name a cell"),
        (["cell", "class"], "cannot name a cell"),
        (["cell", ""], "cannot name a cell"),
        (["cell", "gru"], "seqkit has a cell gru"),
        (["cell", "random"], "would hide the module random"),
        (["cell", "torch"], "would hide the module torch"),
        (["cell", "taken"], "taken.py exists"),
        (["task", "tested"], "test_tested.py exists"),
        (["task", "sentiment"], "seqkit has a task sentiment"),
        (["topology", "x"], "No such command 'topology'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(command, tmp_path, words, message):
    for name in ("taken.py", "test_tested.py"):
        (tmp_path / name).write_text("mine")
    done = command("new", *words, "--out", tmp_path)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken.py", "test_tested.py"]
    assert {path.read_text() for path in tmp_path.iterdir()} == {"mine"}
