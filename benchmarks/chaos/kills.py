"""Commands that are killed, at random moments and right before random writes, and gone on with."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.children import Child, Ended, call, counting, killed_at, warm_up
from benchmarks.chaos.contents import differences, left_over
from benchmarks.chaos.subjects import Subject

TRIES = 20
"""Of going on with one command, after which it counts as a dead end"""


@dataclass
class Tally:
    """What the trials of one command came to."""

    disturbed: int = 0
    finished: int = 0
    different: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    dead_ends: list[str] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether anything was other than it should be."""
        return bool(self.different or self.left_over or self.dead_ends)


class Undisturbed:
    """A command that nobody disturbed: what it left, and which files it changed, in order."""

    def __init__(self, subject: Subject, scratch: Path) -> None:
        self.subject, self.scratch = subject, scratch
        self.start, self.folder = scratch / "start", scratch / "work"
        self.start.mkdir(parents=True)
        for words in subject.before:
            # In the very place in which the command will work: files may name it.
            self._check(call(words(self._fresh(self.start)), scratch))
            self._keep(self.start)
        if subject.before:
            subject.ready(self._fresh(self.start))
            self._keep(self.start)
        counter, self.whole = scratch / "changes", scratch / "whole"
        words = subject.words(self._fresh(self.start))
        warm_up(words, scratch)
        self._check(call(subject.words(self._fresh(self.start)), scratch, counting(self.folder, counter)))
        self.changes = counter.read_text("utf-8").splitlines()
        self._keep(self.whole)

    def _fresh(self, source: Path) -> Path:
        shutil.rmtree(self.folder, ignore_errors=True)
        return Path(shutil.copytree(source, self.folder))

    def fresh(self) -> Path:
        """The folder as it is before the command."""
        return self._fresh(self.start)

    def _keep(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder, place)

    @staticmethod
    def _check(done: Ended) -> None:
        if done.code:
            raise SystemExit(f"an undisturbed command fails: {done}")

    def compare(self, tally: Tally) -> None:
        """Adds what differs, and what was left."""
        tally.finished += 1
        tally.different += differences(self.folder, self.whole)
        tally.left_over += left_over(self.folder)


def evenly_spread(numbers: range, count: int) -> list[int]:
    """The middles of so many stretches of equal length; all numbers, where there are fewer."""
    step = max(len(numbers) / count, 1)
    places = (int(step * (place + 0.5)) for place in range(count))
    return [numbers[place] for place in places if place < len(numbers)]


def disturb(subject: Subject, scratch: Path, kills: int, generator: random.Random) -> Tally:
    """One command, killed so many times in all, each time brought to its end and compared."""
    whole, tally = Undisturbed(subject, scratch), Tally()
    began = time.monotonic()
    call(subject.words(whole.fresh()), scratch)
    seconds = time.monotonic() - began
    while tally.disturbed < kills:
        whole.fresh()
        if _bring_to_end(whole, tally, kills, lambda: generator.uniform(0, seconds), generator):
            whole.compare(tally)
    return tally


def _bring_to_end(
    whole: Undisturbed, tally: Tally, kills: int, moment: Callable[[], float], generator: random.Random
) -> bool:
    words, done = whole.subject.words(whole.folder), None
    for _ in range(TRIES):
        disturbing = tally.disturbed < kills
        if not disturbing:
            done = call(words, whole.scratch)
        elif generator.random() < 0.5:
            done = Child(words, whole.scratch).end(moment())
        else:
            done = call(words, whole.scratch, killed_at(whole.folder, generator.randrange(len(whole.changes))))
        if done.code == 0:
            return True
        tally.disturbed += disturbing and done.code == -signal.SIGKILL
        words = whole.subject.again(whole.folder)
    tally.dead_ends.append(f"{done}")
    return False
