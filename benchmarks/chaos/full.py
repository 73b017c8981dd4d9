"""Commands on a disk that is full from some write on: what was there is whole, and with room the command goes on.

Without the rights to mount one that is small, the child is told that there is no room.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.children import Ended, call, without_room
from benchmarks.chaos.kills import Tally, Undisturbed, evenly_spread
from benchmarks.chaos.subjects import Subject

_BLOCK = 4096
_SENTENCES = ("make room", "No space left on device")


def fill(subject: Subject, scratch: Path, trials: int, generator: random.Random) -> Tally:
    """Has the disk be full at so many of the command's writes, evenly spread from the first to the last."""
    whole, tally = Undisturbed(subject, scratch), Tally()
    for number in evenly_spread(range(len(whole.changes)), trials):
        words = subject.words(whole.fresh())
        _judge(whole, tally, call(words, scratch, without_room(whole.folder, number)))
    return tally


def fill_disk(subject: Subject, scratch: Path, trials: int, generator: random.Random) -> Tally:
    """The same on a file system of memory, whose room ends within a file, too."""
    scratch.mkdir(parents=True)
    with _small_disk(scratch) as disk:
        whole, tally = Undisturbed(subject, disk / "trials"), Tally()
        needed = _taken(disk, lambda: call(subject.words(whole.fresh()), disk / "trials").code)
        for _ in range(trials):
            words = subject.words(whole.fresh())
            with _ballast(disk, generator.randrange(0, needed, _BLOCK)):
                # What it prints needs room, too, and has it elsewhere.
                done = call(words, scratch)
            _judge(whole, tally, done)
    return tally


def _judge(whole: Undisturbed, tally: Tally, done: Ended) -> None:
    """Whether a command that had no room has said so in a sentence, and goes on when there is room again."""
    tally.disturbed += 1
    if done.code and (done.code < 0 or not any(sentence in done.said for sentence in _SENTENCES)):
        tally.dead_ends.append(f"{done.code}: {done.said}")
    again = call(whole.subject.again(whole.folder), whole.scratch)
    if again.code:
        tally.dead_ends.append(again.said)
    else:
        whole.compare(tally)


@contextmanager
def _small_disk(scratch: Path) -> Iterator[Path]:
    disk = scratch / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "chaos", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _taken(disk: Path, work: object) -> int:
    before = shutil.disk_usage(disk).free
    assert callable(work)
    work()
    return max(before - shutil.disk_usage(disk).free, _BLOCK)


@contextmanager
def _ballast(disk: Path, room: int) -> Iterator[None]:
    """Inside, the disk has so many bytes left."""
    path = disk / "ballast"
    with path.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(shutil.disk_usage(disk).free - room, 1))
    try:
        yield
    finally:
        path.unlink()
