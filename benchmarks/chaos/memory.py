"""Commands that get less memory than they need (``ulimit -v``): an end in a sentence, and no wait for ever."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.chaos.children import bounded_memory, call
from benchmarks.chaos.kills import Tally, Undisturbed
from benchmarks.chaos.subjects import Subject

_MOST = 128
"""MB beside what a process has that has loaded everything; the small models need a fraction"""


def starve(subject: Subject, scratch: Path, trials: int, generator: random.Random) -> Tally:
    """Has the memory end at some point of a command; with enough of it the command goes on."""
    whole, tally = Undisturbed(subject, scratch), Tally()
    for _ in range(trials):
        # Most of what fails fails early.
        megabytes = int(_MOST * generator.random() ** 3)
        done = call(subject.words(whole.fresh()), scratch, bounded_memory(megabytes))
        tally.disturbed += 1
        if done.hung or (done.code and "unexpected" in done.said):
            tally.dead_ends.append(f"{megabytes} MB: {done.said or done.code}")
        again = call(subject.again(whole.folder), scratch)
        if again.code:
            tally.dead_ends.append(again.said)
        else:
            whole.compare(tally)
    return tally
