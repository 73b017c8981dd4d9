"""Commands that are killed between their training and their results: while they tune, score, draw and report.

Between two writes nothing changes that the next process can see. So a kill right before each write after the last
checkpoint is a kill at every moment of that time.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

from benchmarks.chaos.children import call, killed_at
from benchmarks.chaos.kills import Tally, Undisturbed, evenly_spread
from benchmarks.chaos.subjects import Subject

_AGAIN = 0.5
"""How often the one that goes on is killed, too"""
_TRIES = 20


def interrupt_end(subject: Subject, scratch: Path, kills: int, generator: random.Random) -> Tally:
    """Kills a command between its training and its results, so many times, and brings it to its end."""
    whole, tally = Undisturbed(subject, scratch), Tally()
    window = _after_training(whole.changes)
    for number in evenly_spread(window, kills):
        done = call(subject.words(whole.fresh()), scratch, killed_at(whole.folder, number))
        tally.disturbed += done.code == -signal.SIGKILL
        _bring_to_end(whole, tally, len(window), generator)
    return tally


def _after_training(changes: list[str]) -> range:
    """The numbers of the changes after the last checkpoint."""
    saved = [number for number, path in enumerate(changes) if "/checkpoint/" in path]
    return range(saved[-1] + 1 if saved else 0, len(changes))


def _bring_to_end(whole: Undisturbed, tally: Tally, window: int, generator: random.Random) -> None:
    done = None
    for _ in range(_TRIES):
        killed = generator.random() < _AGAIN
        prepare = killed_at(whole.folder, generator.randrange(window)) if killed else lambda: None
        done = call(whole.subject.again(whole.folder), whole.scratch, prepare)
        if done.code == 0:
            whole.compare(tally)
            return
        tally.disturbed += done.code == -signal.SIGKILL
    tally.dead_ends.append(f"{done}")
