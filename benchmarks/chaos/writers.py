"""Several processes at work on one run, which pause, wake up and are killed: one of them may write at a time.

Each says that it is on a machine of its own, where nobody can see whether another one has ended: so who is silent
loses the run, and who wakes finds that. The two minutes of silence are less than half a second here.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import seqkit.machine
import seqkit.runs.lock
from benchmarks.chaos.children import Child, call
from benchmarks.chaos.kills import Tally, Undisturbed
from benchmarks.chaos.subjects import Subject

SILENT, INTERVAL = 0.4, 0.08
"""Seconds of silence after which a writer is given up, and between its signs of life"""
_LONGEST = 30.0
"""Seconds of a round, after which those that are still there are killed"""


def contend(subject: Subject, scratch: Path, rounds: int, generator: random.Random) -> Tally:
    """Rounds of two to four writers on one run; each ends when the run is finished, and is compared."""
    whole, tally = Undisturbed(subject, scratch), Tally()
    for _ in range(rounds):
        tally.disturbed += _round(whole, generator)
        done = None
        for _ in range(20):
            done = call(subject.again(whole.folder), scratch, lambda: _on_machine("the last"))
            if done.code == 0:
                break
            time.sleep(SILENT / 2)
        if done is None or done.code:
            tally.dead_ends.append(done.said if done else "")
        else:
            whole.compare(tally)
    return tally


def _on_machine(name: str) -> None:
    """Has this process take itself for one of another machine."""
    seqkit.machine._machine = lambda: name
    seqkit.runs.lock._SILENT, seqkit.runs.lock._INTERVAL = SILENT, INTERVAL


def _round(whole: Undisturbed, generator: random.Random) -> int:
    """The disturbances of one round: writers that stop, wake and are killed until each has ended."""
    whole.fresh()
    subject, folder, scratch = whole.subject, whole.folder, whole.scratch
    count, born, disturbances = generator.randint(2, 4), 0, 0
    living: dict[Child, float | None] = {}
    deadline = time.monotonic() + _LONGEST
    while (born < count or living) and time.monotonic() < deadline:
        if born < count and (not living or generator.random() < 0.1):
            born += 1
            living[Child(subject.again(folder), scratch, lambda name=f"machine {born}": _on_machine(name))] = None
        for child, wakes in [*living.items()]:
            if _has_ended(child):
                del living[child]
            elif wakes is not None and time.monotonic() > wakes:
                os.kill(child.process, signal.SIGCONT)
                living[child] = None
            elif wakes is None and generator.random() < 0.02:
                os.kill(child.process, signal.SIGSTOP)
                living[child] = time.monotonic() + generator.uniform(0, 4 * SILENT)
                disturbances += 1
            elif wakes is None and generator.random() < 0.002:
                os.kill(child.process, signal.SIGKILL)
                disturbances += 1
        time.sleep(0.02)
    for child in living:
        os.kill(child.process, signal.SIGKILL)
        child.end()
    return disturbances


def _has_ended(child: Child) -> bool:
    state = os.waitid(os.P_PID, child.process, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if state is None:
        return False
    with suppress(ChildProcessError):
        child.end()
    return True
