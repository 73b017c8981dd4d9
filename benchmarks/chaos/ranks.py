"""Runs that several processes share, of which one is killed at a random moment, and resumed by another number."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.chaos.children import Child, Ended
from benchmarks.chaos.kills import TRIES, Tally, Undisturbed
from benchmarks.chaos.subjects import Subject

_PROCESSES = 4
_RESUMED_BY = (1, 2, 4)
_GRACE, _LAST = 1.0, 60.0
"""Seconds until the others are asked to end, and until they are killed"""
_OPTIONS = ("--shards", "4", "--set", "checkpoint_seconds=0", "--epochs", "6", "--patience", "0")


def disturb_ranks(subject: Subject, scratch: Path, kills: int, generator: random.Random) -> Tally:
    """Runs in four processes, one of them killed at a random moment, resumed by one, two or four, and compared."""
    plain = subject.words
    whole = Undisturbed(subject._replace(words=lambda folder: [*plain(folder), *_OPTIONS]), scratch)
    began = time.monotonic()
    whole.fresh()
    _check(_all(whole.subject.words(whole.folder), scratch, _PROCESSES))
    seconds, tally = time.monotonic() - began, Tally()
    whole.compare(tally)
    while tally.disturbed < kills:
        whole.fresh()
        if _bring_to_end(whole, tally, kills, seconds, generator):
            whole.compare(tally)
    return tally


def _bring_to_end(whole: Undisturbed, tally: Tally, kills: int, seconds: float, generator: random.Random) -> bool:
    processes, done = _PROCESSES, list[Ended]()
    for _ in range(TRIES):
        words, disturbing = whole.subject.again(whole.folder), tally.disturbed < kills
        moment = generator.uniform(0, seconds) if disturbing else None
        done = _all(words, whole.scratch, processes, moment, generator)
        if not any(ended.code for ended in done):
            return True
        tally.disturbed += any(ended.code == -signal.SIGKILL for ended in done)
        processes = generator.choice(_RESUMED_BY)
    tally.dead_ends.append("; ".join(ended.said for ended in done))
    return False


def _all(
    words: list[str],
    scratch: Path,
    processes: int,
    moment: float | None = None,
    generator: random.Random | None = None,
) -> list[Ended]:
    """A command in so many processes, as torchrun starts them; one is killed after so many seconds."""
    port = _free_port()
    children = [Child(words, scratch, _as_rank(rank, processes, port)) for rank in range(processes)]
    if moment is not None and generator is not None:
        return _one_killed(children, moment, generator)
    return [child.end() for child in children]


def _one_killed(children: list[Child], moment: float, generator: random.Random) -> list[Ended]:
    victim = children.pop(generator.randrange(len(children)))
    killed = victim.end(moment)
    if killed.code == -signal.SIGKILL:
        # As torchrun does; they may still be waiting for each other.
        time.sleep(_GRACE)
        for child in children:
            os.kill(child.process, signal.SIGTERM)
    return [killed, *(child.end(_LAST) for child in children)]


def _as_rank(rank: int, processes: int, port: int) -> Callable[[], None]:
    """For ``prepare``: what torchrun tells a process; one alone is told nothing."""
    facts = {"RANK": rank, "WORLD_SIZE": processes, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": processes}
    facts |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return lambda: os.environ.update({name: str(value) for name, value in facts.items()} if processes > 1 else {})


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _check(done: list[Ended]) -> None:
    for ended in done:
        if ended.code:
            raise SystemExit(f"an undisturbed command fails: {ended}")
