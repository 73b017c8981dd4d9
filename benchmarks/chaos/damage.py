"""Runs whose files are damaged: bits flipped, cut, exchanged, with wrong types; every command refuses them or answers.

A refusal names the file. What is answered is what the undamaged run answers.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.chaos.children import Ended, call
from benchmarks.chaos.kills import Tally
from benchmarks.chaos.subjects import data_of, training

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
_FREE = ("log.txt", "report.html")
"""Without a digest: for people, and made of the others"""


def damage(task: str, scratch: Path, trials: int, generator: random.Random) -> Tally:
    """Damages a file of a finished run, and asks one command about it."""
    tally, run, whole, other = Tally(), scratch / "run", scratch / "whole", scratch / "other"
    scratch.mkdir(parents=True)
    for name, seed in (("run", "3"), ("other", "4")):
        done = call([*training(task, name)(scratch), "--seed", seed], scratch)
        if done.code:
            raise SystemExit(f"an undisturbed command fails: {done}")
    shutil.move(run, whole)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and path.name not in _FREE)
    shutil.copytree(whole, run)
    commands = _commands(task, run)
    answers = [call(words, scratch) for words in commands]
    for _ in range(trials):
        name, number = generator.choice(files), generator.randrange(len(commands))
        shutil.rmtree(run)
        shutil.copytree(whole, run)
        content = (whole / name).read_bytes()
        how, damaged = _damaged(content, other / name, generator)
        (run / name).write_bytes(damaged)
        tally.disturbed += 1
        done = call(commands[number], scratch)
        if fault := _fault(done, answers[number], name):
            tally.dead_ends.append(f"{task} {name} {how} {' '.join(commands[number][:1])}: {fault}")
        elif done.code:
            tally.finished += 1  # refused
    return tally


def _commands(task: str, run: Path) -> list[list[str]]:
    asked = ["--input", str(_inputs(task))] if task not in _INPUTS else [_INPUTS[task]]
    predict = ["generate", str(run), "--length", "20"] if task == "charlm" else ["predict", str(run), *asked]
    return [predict, ["evaluate", str(run), "--json"], ["report", str(run)], ["resume", str(run)]]


def _inputs(task: str) -> Path:
    data = data_of(task)
    return next(path for path in sorted(data.rglob("*")) if path.is_file()) if data.is_dir() else data


def _fault(done: Ended, whole: Ended, name: Path) -> str:
    """What is wrong with how a command met a damaged file; nothing if it is right."""
    if done.hung or done.code < 0:
        return "hangs" if done.hung else f"signal {-done.code}"
    if done.memory > _MEMORY * whole.memory:
        return f"{done.memory:.0f} MB instead of {whole.memory:.0f}"
    if done.code in (0, whole.code) and done.output == whole.output:
        return ""
    if done.code in (1, 2) and "unexpected" not in done.said and name.name in done.said:
        return ""
    return done.said or f"another answer: {done.output[:60]!r}"


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
