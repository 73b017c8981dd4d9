"""The commands that are disturbed: what they need, what is typed, and what is typed to go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from seqkit.runs.directory import RunDirectory

DATA = Path("tests/runs/made_by_0_1_0")
"""A finished run of each task, whose options train in a second, and the data of all"""
TASKS = sorted(path.parent.name for path in DATA.glob("*/results.json"))

Words = list[str]


class Subject(NamedTuple):
    """A command that writes in a folder."""

    name: str
    words: Callable[[Path], Words]
    """In that folder"""
    before: tuple[Callable[[Path], Words], ...] = ()
    """Commands that come first, undisturbed"""
    ready: Callable[[Path], None] = lambda folder: None
    """Called after these"""

    def again(self, folder: Path) -> Words:
        """What is typed after it was stopped."""
        words, run, both = self.words(folder), RunDirectory(folder / "run"), RunDirectory(folder / "both")
        if words[0] == "run" and run.manifest.exists():
            return ["resume", str(run.path)]
        return ["resume", str(both.path)] if both.results.exists() else words


def data_of(task: str) -> Path:
    """The data of a task's small run."""
    lines = (DATA / task / "config.toml").read_text("utf-8").splitlines()
    return DATA / "data" / next(line.partition("/data/")[2].strip('"') for line in lines if line.startswith("data ="))


def options_of(task: str) -> Words:
    """The options with which a task trains in a second."""
    words = ["--config", str(DATA / task / "config.toml"), "--data", str(data_of(task))]
    return [*words, "--checkpoint-seconds", "0.1"]


def training(task: str, name: str = "run", *more: str) -> Callable[[Path], Words]:
    """The command that trains a task into a folder of that name."""
    return lambda folder: ["run", task, *options_of(task), *more, "--out", str(folder / name)]


def _without_report(folder: Path) -> None:
    for name in ("report.html", "report.json"):
        (folder / "run" / name).unlink()


def _of_run(*words: str) -> Callable[[Path], Words]:
    """A command of the run, with ``{}`` for the folder."""
    return lambda folder: [word.format(folder) for word in words]


def _answers_of(task: str, output: str) -> Callable[[Path], Words]:
    return _of_run("predict", "{}/run", "--input", str(data_of(task)), "--output", output)


_OTHER_EXPORT = ("export", "{}/other", "--out", "{}/exported")


def _subjects() -> list[Subject]:
    trained, texts = training("sentiment"), data_of("sentiment")
    answers = ("predict", "{}/run", "--input", str(texts), "--output", "{}/answers.csv")
    small = ("--checkpoint-seconds", "0.1", "--set", "epochs=2")
    tune = ("tune", "sentiment", "--data", str(texts), "--trials", "3", "--out", "{}/study", *small)
    compare = (
        "compare",
        "sentiment",
        "--data",
        str(texts),
        "--cells",
        "gru,rnn",
        "--seeds",
        "1",
        "--out",
        "{}/compare",
    )
    return [
        *(Subject(f"run {task}", training(task)) for task in TASKS),
        Subject("resume --epochs", _of_run("resume", "{}/run", "--epochs", "6"), (trained,)),
        Subject("report", _of_run("report", "{}/run"), (trained,), _without_report),
        Subject("predict", _of_run(*answers), (trained,)),
        Subject("predict --shard", _of_run(*answers, "--shard", "2/2"), (trained,)),
        Subject("predict tags", _answers_of("tag", "{}/answers.conll"), (training("tag"),)),
        Subject("predict frames", _answers_of("frames", "{}/answers"), (training("frames"),)),
        Subject("prepare", _of_run("prepare", "sentiment", str(texts), "--out", "{}/prepared")),
        Subject("export onnx", _of_run("export", "{}/run"), (trained,)),
        Subject("export torch", _of_run("export", "{}/run", "--format", "torch"), (trained,)),
        Subject(
            "export over another",
            _of_run("export", "{}/run", "--out", "{}/exported"),
            (trained, training("sentiment", "other", "--set", "cell=gru"), _of_run(*_OTHER_EXPORT)),
        ),
        Subject("inspect", _of_run("inspect", "{}/run", "a dull film"), (trained,)),
        Subject(
            "ensemble",
            _of_run("ensemble", "{}/run", "{}/other", "--out", "{}/both"),
            (trained, training("sentiment", "other", "--set", "cell=gru")),
        ),
        Subject("vectors", _of_run("vectors", str(texts), "--size", "8", "--out", "{}/vectors.txt")),
        Subject("tune", _of_run(*tune)),
        Subject("compare", _of_run(*compare, *small)),
    ]


SUBJECTS = {subject.name: subject for subject in _subjects()}
