"""Runs whose files are damaged: bits flipped, cut, exchanged, with wrong types; every command refuses them or answers.

A refusal names the file. What is answered is what the undamaged run answers.
"""

from __future__ import annotations

import copy
import io
import json
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.chaos.children import call, warm_up
from benchmarks.chaos.kills import Tally
from benchmarks.chaos.subjects import data_of, training
from seqkit.commands import main
from seqkit.machine import peak

_WRONG = [
    None,
    True,
    -1,
    10**6,
    10**30,
    0.5,
    float("nan"),
    "",
    "x",
    "../x",
    "\ud800",
    [],
    [[]],
    [None],
    {},
    {"x": None},
]
_MEMORY = 1.5
"""Of what an undamaged run takes, at most"""
_INPUTS = {"digit": "0.5 0.5", "sentiment": "a dull film", "g2p": "bat", "translate": "a film", "tag": "ann sings"}
_WEIGHTS = (7, 1, 1, 1)
"""How often each command is asked; a report takes as long as a hundred predictions"""
_LONGEST = 300
"""Seconds after which a command counts as one that hangs"""
_FREE = ("log.txt", "report.html")
"""Without a digest: for people, and made of the others"""


class _Answer(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    said: str
    """The last line of its errors"""


def damage(task: str, scratch: Path, trials: int, generator: random.Random) -> Tally:
    """Damages a file of a finished run, and asks one command about it."""
    run, whole = scratch / "run", scratch / "whole"
    scratch.mkdir(parents=True)
    for name, seed in (("run", "3"), ("other", "4")):
        done = call([*training(task, name)(scratch), "--seed", seed], scratch)
        if done.code:
            raise SystemExit(f"an undisturbed command fails: {done}")
    shutil.move(run, whole)
    tally, notes, seed = Tally(), scratch / "notes", generator.random()
    for words in _commands(task, Path(shutil.copytree(whole, run))):
        warm_up(words, scratch)
    while tally.disturbed < trials:
        # Many in one process: a fork for each would take longer than all else.
        began = tally.disturbed
        done = call(lambda first=began: _Trials(task, scratch, seed).carry_out(first, trials, notes), scratch)
        for line in notes.read_text("utf-8").splitlines() if notes.exists() else []:
            number, fault = line.split("\t", 1)
            tally.disturbed = int(number) + 1
            tally.finished += not fault
            tally.dead_ends += [fault] if fault else []
        notes.unlink(missing_ok=True)
        if done.code:
            tally.dead_ends.append(f"trial {tally.disturbed}: {'hangs' if done.hung else done.code} {done.said}")
            tally.disturbed += 1
    return tally


class _Trials:
    """The trials of one process."""

    def __init__(self, task: str, scratch: Path, seed: float) -> None:
        self.task, self.run, self.whole, self.other = task, *(scratch / name for name in ("run", "whole", "other"))
        self.seed, self.commands = seed, _commands(task, self.run)
        self.files = sorted(
            path.relative_to(self.whole) for path in self.whole.rglob("*") if path.is_file() and path.name not in _FREE
        )

    def carry_out(self, first: int, last: int, notes: Path) -> None:
        """Notes of each trial what is wrong, which is nothing if it is right."""
        self._restore()
        answers, memory = [_asked(words) for words in self.commands], peak()
        with notes.open("w", encoding="utf-8") as stream:
            for number in range(first, last):
                generator = random.Random(f"{self.seed} {number}")
                # A run that hangs is ended by the signal, which nobody handles.
                signal.alarm(_LONGEST)
                fault = self._trial(generator, answers)
                signal.alarm(0)
                if not fault and peak() > _MEMORY * memory:
                    fault, memory = f"{peak():.0f} MB instead of {memory:.0f}", peak()
                print(f"{number}\t{fault}", file=stream, flush=True)

    def _restore(self) -> None:
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.copytree(self.whole, self.run)

    def _trial(self, generator: random.Random, answers: list[_Answer]) -> str:
        name = generator.choice(self.files)
        which = generator.choices(range(len(self.commands)), _WEIGHTS)[0]
        self._restore()
        how, damaged = _damaged((self.whole / name).read_bytes(), self.other / name, generator)
        (self.run / name).write_bytes(damaged)
        fault = _fault(_asked(self.commands[which]), answers[which], name)
        said = fault.replace("\n", " ").replace("\t", " ")
        return f"{self.task} {name} {how} {self.commands[which][0]}: {said}" if fault else ""


def _asked(words: list[str]) -> _Answer:
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            main([*words])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return _Answer(code, out.getvalue(), (errors.getvalue().strip().splitlines() or [""])[-1])


def _commands(task: str, run: Path) -> list[list[str]]:
    asked = [_INPUTS.get(task) or str(_inputs(task))]
    predict = ["generate", str(run), "--length", "20"] if task == "charlm" else ["predict", str(run), *asked]
    return [predict, ["evaluate", str(run), "--json"], ["report", str(run)], ["resume", str(run)]]


def _inputs(task: str) -> Path:
    """A sequence of frames, a picture, or a file of them."""
    data = data_of(task)
    files = sorted(path for path in data.rglob("*") if path.is_file() and path.suffix != ".tsv")
    return files[0] if data.is_dir() else data


def _fault(done: _Answer, whole: _Answer, name: Path) -> str:
    """What is wrong with how a command met a damaged file; nothing if it is right."""
    if done.code == whole.code and done.output == whole.output:
        return ""
    # With the list of another run, it is the first file on it that differs.
    names = (name.name, "config.toml") if name.name == "run.json" else (name.name,)
    if done.code in (1, 2) and "unexpected" not in done.said and any(each in done.said for each in names):
        return ""
    return done.said if done.code else f"another answer: {done.output[:60]!r}"


def _damaged(content: bytes, other: Path, generator: random.Random) -> tuple[str, bytes]:
    ways: dict[str, Callable[[], bytes]] = {
        "flip": lambda: _flipped(content, generator),
        "cut": lambda: content[: generator.randrange(len(content))],
        "swap": lambda: _swapped(content, generator),
    }
    if other.exists():
        ways["other run's"] = other.read_bytes
    if content[:1] in b"{[" and content:
        ways["wrong type"] = lambda: _wrong(content, generator)
    how = generator.choice([*ways])
    return how, ways[how]()


def _flipped(content: bytes, generator: random.Random) -> bytes:
    place = generator.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << generator.randrange(8)]) + content[place + 1 :]


def _swapped(content: bytes, generator: random.Random) -> bytes:
    one, two, three = sorted(generator.randrange(len(content) + 1) for _ in range(3))
    return content[:one] + content[two:three] + content[one:two] + content[three:]


def _wrong(content: bytes, generator: random.Random) -> bytes:
    """JSON, or the first line of it, with a wrong value somewhere."""
    lines = content.decode().splitlines(keepends=True)
    try:
        value, rest = json.loads(content), ""
    except ValueError:
        value, rest = json.loads(lines[0]), "".join(lines[1:])
    edited = _replaced(value, generator.choice([*_places(value)]), generator.choice(_WRONG))
    return (json.dumps(edited) + "\n" + rest).encode()


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in [*inner][:12]:
        yield from _places(each, (*path, key))


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return value
