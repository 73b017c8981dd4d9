"""``--cell FILE.py:CLASS``: a run with a cell of one's own, and every command that opens it."""

import json
import shutil

import pytest

import seqkit as package
from seqkit import runtime
from seqkit.errors import SeqkitError, UsageError
from tests.answers import alike

SOURCE = """
from pathlib import Path

import torch
from seqkit import Cell

with (Path(__file__).parent / "ran.txt").open("a") as file:
    file.write("x")


class Leaky(Cell):
    \"\"\"Half of the state stays.

    The step::

        h' = h / 2 + tanh(a)
    \"\"\"

    gate_names = ("a",)

    def step(self, x, r, state):
        return (state[0] / 2 + torch.tanh(x + r),)


class Other(Leaky):
    pass
"""
SMALL = ["--epochs", "1", "--hidden-size", "8", "--embedding-size", "8", "--kernel", "torch"]


@pytest.fixture(scope="module")
def own(tmp_path_factory, command, reviews):
    """A folder with ``mine.py`` and ``run``, a run of its cell."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(SOURCE)
    words = ["run", "sentiment", "--data", reviews, *SMALL, "--cell", f"{folder}/mine.py:Leaky"]
    done = command(*words, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    assert f"seqkit predict {folder}/run --cell-file {folder}/mine.py:Leaky" in done.stdout
    return folder


def times_run(folder):
    return len((folder / "ran.txt").read_text())


def test_a_run_records_file_and_class_and_shows_the_equation(own):
    assert f'cell = "{own}/mine.py:Leaky"' in (own / "run/config.toml").read_text()
    assert len(json.loads((own / "run/run.json").read_text())["cell_digest"]) == 32
    page = (own / "run/report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Leaky: Half of the state stays" in page and "h / 2 + tanh(a)" in page


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "run"],
        ["predict", "run", "a wonderful film"],
        ["inspect", "run", "a wonderful film", "--gradient-flow"],
        ["report", "run"],
        ["export", "run", "--format", "torch"],
        ["resume", "run"],
        ["resume", "run", "--epochs", "2"],
    ],
    ids=" ".join,
)
def test_a_command_that_opens_the_run_needs_the_cell_and_works_with_it(own, command, words, tmp_path):
    shutil.copytree(own / "run", tmp_path / "run")
    words = [word if word != "run" else str(tmp_path / word) for word in words]
    before = times_run(own)
    if words[0] != "resume" or "--epochs" in words:
        refused = command(*words)
        assert refused.returncode == 2, refused.stderr
        assert f"needs the cell Leaky of {own}/mine.py" in refused.stderr and "--cell-file" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert times_run(own) == before
    done = command(*words, "--cell-file", f"{own}/mine.py:Leaky")
    assert done.returncode == 0, done.stderr


def test_a_text_continues_with_the_cell_of_a_file(own, command, tmp_path):
    (tmp_path / "text.txt").write_text("to be or not to be\n" * 200)
    cell = f"{own}/mine.py:Leaky"
    options = [*SMALL, "--cell", cell, "--data", tmp_path / "text.txt", "--out", tmp_path / "run"]
    done = command("run", "charlm", *options)
    assert done.returncode == 0, done.stderr
    generate = ["generate", tmp_path / "run", "--prompt", "to", "--length", "5"]
    assert command(*generate).returncode == 2
    done = command(*generate, "--cell-file", cell)
    assert done.returncode == 0 and done.stdout.startswith("to"), done.stderr


def test_the_same_cell_may_lie_elsewhere_later(own, tmp_path, command):
    (tmp_path / "moved.py").write_text("# moved\n" + SOURCE)
    words = ["predict", own / "run", "a wonderful film", "--cell-file"]
    here, there = (command(*words, f"{file}:Leaky") for file in (own / "mine.py", tmp_path / "moved.py"))
    assert here.stdout == there.stdout != ""


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ("/ 3", "Leaky", "its source has changed"),
        ("/ 2", "Other", "needs the cell Leaky of"),
        ("/ 2", "Leeky", "did you mean 'Leaky'"),
    ],
)
def test_another_cell_is_refused(own, tmp_path, command, change, name, message):
    (tmp_path / "mine.py").write_text(SOURCE.replace("/ 2 + torch", f"{change} + torch"))
    done = command("predict", own / "run", "a film", "--cell-file", f"{tmp_path}/mine.py:{name}")
    assert done.returncode in (1, 2) and message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_configuration_file_runs_nothing_until_the_file_is_named(own, command, tmp_path):
    before = times_run(own)
    words = ["run", "sentiment", "--config", own / "run/config.toml", "--out", tmp_path / "again"]
    done = command(*words)
    assert done.returncode == 2 and "run only if you name it" in done.stderr
    assert times_run(own) == before
    assert command(*words, "--cell", f"{own}/mine.py:Leaky").returncode == 0
    results = [json.loads((run / "results.json").read_text())["test"] for run in (own / "run", tmp_path / "again")]
    assert results[0] == results[1]


def test_a_run_is_loaded_with_the_class_in_python(own):
    with pytest.raises(UsageError, match="cell=Leaky in Python"):
        package.load(own / "run")
    from_file = package.load(own / "run", cell=f"{own}/mine.py:Leaky")
    again = package.load(own / "run", cell=type(from_file.head.encoder.recurrent.cell))
    assert again.predict_proba(["a dull film"]) == from_file.predict_proba(["a dull film"])
    with pytest.raises((UsageError, SeqkitError), match="needs the cell Leaky"):
        package.load(own / "run", cell="gru")


def test_cells_of_files_and_known_ones_are_compared(own, command, reviews, tmp_path):
    cells = f"rnn,{own}/mine.py:Leaky"
    options = ["--data", reviews, *SMALL, "--seeds", "1", "--out", tmp_path / "compared"]
    words = ["compare", "sentiment", *options, "--cells", cells]
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "compared/Leaky-0/results.json").is_file() and "Leaky" in done.stdout
    (tmp_path / "compared/Leaky-0/report.html").unlink()
    (tmp_path / "compared/Leaky-0/results.json").unlink()
    again = command(*words)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "compared/Leaky-0/report.html").is_file()


def test_a_study_is_continued_when_its_cell_is_named_again(own, command, reviews, tmp_path):
    pytest.importorskip("optuna")
    study = ["tune", "sentiment", "--out", tmp_path / "study", "--trials"]
    options = ["--data", reviews, *SMALL, "--cell", f"{own}/mine.py:Leaky", "--only", "--search", "dropout=0,0.2"]
    done = command(*study, "1", *options)
    assert done.returncode == 0, done.stderr
    again = command(*study, "2")
    assert again.returncode == 2 and "run only if you name it: add --cell" in again.stderr
    done = command(*study, "2", "--cell", f"{own}/mine.py:Leaky")
    assert done.returncode == 0, done.stderr


def test_what_was_exported_answers_without_the_file_of_the_cell(own, command, tmp_path):
    pytest.importorskip("onnxruntime")
    cell = f"{own}/mine.py:Leaky"
    done = command("export", own / "run", "--out", tmp_path / "files", "--cell-file", cell)
    assert done.returncode == 0, done.stderr
    before, texts = times_run(own), ["a wonderful film", "dull", "", "its story … dull, unheard-of"]
    found = runtime.load(tmp_path / "files").predict(texts)
    assert times_run(own) == before
    assert alike(found, package.load(own / "run", cell=cell).predict(texts))
