"""Commands that are killed at random moments: whether what they end with is what an undisturbed run ends with.

python -m benchmarks.chaos --kills 200
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from seqkit.commands.terminal import print_tables
from seqkit.files import is_temporary
from seqkit.runs.lock import LOCK_FILE
from seqkit.tables import Table
from seqkit.training.checkpoint import read_tensors

_DATA = Path("tests/runs/made_by_0_1_0")
"""A finished run of each task, whose options train in a second, and the data of all"""
_TIMED = ("second", "memory", "finished")
"""Parts of the names of facts that time or the machine decides"""
_TRIES = 20
"""Of resuming one run, after which it counts as a dead end"""


@dataclass
class Tally:
    """What a task's runs came to."""

    kills: int = 0
    finished: int = 0
    different: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    dead_ends: list[str] = field(default_factory=list)


@click.command()
@click.option("--kills", default=200, show_default=True, help="In all, over all tasks.")
@click.option("--tasks", default="", help="Names, with commas between. [all]")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(kills: int, tasks: str, seed: int) -> None:
    """Kills runs of every task, resumes them, and compares every file with an undisturbed run's."""
    names = tasks.split(",") if tasks else sorted(path.parent.name for path in _DATA.glob("*/results.json"))
    generator, tallies = random.Random(seed), dict[str, Tally]()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for name in names:
            tallies[name] = disturb(name, Path(folder) / name, -(-kills // len(names)), generator)
            print_tables([table(tallies)], sys.stderr)
    print_tables([table(tallies)])
    sys.exit(any(tally.different or tally.left_over or tally.dead_ends for tally in tallies.values()))


def table(tallies: Mapping[str, Tally]) -> Table:
    """What was found so far, a row for each task."""
    rows = [
        [
            name,
            t.kills,
            t.finished,
            ", ".join(t.different) or 0,
            ", ".join(t.left_over) or 0,
            "; ".join(t.dead_ends) or 0,
        ]
        for name, t in tallies.items()
    ]
    return Table("chaos", ["task", "kills", "runs", "different", "left over", "dead ends"], rows)


def disturb(task: str, folder: Path, kills: int, generator: random.Random) -> Tally:
    """Runs of one task, killed so many times in all, each brought to its end and compared."""
    tally, whole = Tally(), folder / "whole"
    began = time.monotonic()
    call(run_words(task, whole))
    seconds = time.monotonic() - began
    while tally.kills < kills:
        out = folder / f"run-{tally.finished}"
        if _bring_to_end(task, out, tally, kills, lambda: generator.uniform(0, seconds)):
            tally.finished += 1
            _compare(out, whole, tally)
        shutil.rmtree(out, ignore_errors=True)
    return tally


def run_words(task: str, out: Path) -> list[str]:
    """The command that trains a task on its small data."""
    lines = (_DATA / task / "config.toml").read_text("utf-8").splitlines()
    data = next(line.partition("/data/")[2].strip('"') for line in lines if line.startswith("data ="))
    words = ["run", task, "--config", str(_DATA / task / "config.toml"), "--data", str(_DATA / "data" / data)]
    return [*words, "--checkpoint-seconds", "0.1", "--out", str(out)]


def call(words: Sequence[str], kill_after: float | None = None) -> subprocess.CompletedProcess[str] | None:
    """Runs a command; None if it was killed before its end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "seqkit", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            out, errors = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    return subprocess.CompletedProcess(words, process.returncode, out, errors)


def _bring_to_end(task: str, out: Path, tally: Tally, kills: int, moment: Callable[[], float]) -> bool:
    """A run, killed at random moments for as long as there are kills to give; False if it comes to no end."""
    words, done = run_words(task, out), None
    for _ in range(_TRIES):
        done = call(words, moment() if tally.kills < kills else None)
        if done is None:
            tally.kills += 1
        elif done.returncode == 0:
            return True
        words = ["resume", str(out)] if (out / "run.json").exists() else run_words(task, out)
    tally.dead_ends.append(done.stderr.strip().splitlines()[-1] if done else out.name)
    return False


def _compare(out: Path, whole: Path, tally: Tally) -> None:
    # What a resumed run says to its end is the word of `resume` itself: nothing to resume.
    ours, theirs = contents(out), contents(whole)
    tally.different += [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    tally.left_over += [path.name for path in out.rglob("*") if is_temporary(path) or path.name == LOCK_FILE]


def contents(folder: Path) -> dict[str, Any]:
    """What is in each file of a run: a digest, or the content of those in which times stand, without them."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "log.txt")
    return {str(path.relative_to(folder)): _content(path) for path in paths}


def _content(path: Path) -> Any:
    if path.name in ("run.json", "results.json", "report.json"):
        return _timeless(json.loads(path.read_text("utf-8")))
    if path.name == "last.safetensors":
        tensors, facts = read_tensors(path)
        return _timeless(facts), {name: hashlib.sha256(t.numpy().tobytes()).digest() for name, t in tensors.items()}
    if path.name == "report.html":
        return None  # made of the others
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _timeless(facts: Any) -> Any:
    if not isinstance(facts, dict):
        return facts
    # The digests of run.json are those of files that are compared themselves.
    left_out = ("digest", "files")
    kept = {name: value for name, value in facts.items() if name not in left_out and not _is_timed(name)}
    return {name: _timeless(value) for name, value in kept.items()}


def _is_timed(name: str) -> bool:
    return any(part in name for part in _TIMED)


if __name__ == "__main__":
    main()
