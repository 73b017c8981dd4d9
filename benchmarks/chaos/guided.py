"""The readers under libFuzzer, which keeps what reaches new lines of seqkit and changes that further (atheris)."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.chaos.kills import Tally
from benchmarks.chaos.libfuzzer import FAULTS
from benchmarks.chaos.readers import READERS

_TRIED = re.compile(r"stat::number_of_executed_units: *(\d+)")


def guide(name: str, scratch: Path, seconds: int, generator: random.Random) -> Tally:
    """Has libFuzzer change files for so many seconds, guided by the lines that a reader reaches."""
    if find_spec("atheris") is None:
        raise SystemExit("guided fuzzing needs atheris: pip install atheris (Linux); `fuzz` does without")
    corpus = scratch / "corpus"
    corpus.mkdir(parents=True)
    for number, seed in enumerate(READERS[name](scratch).seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    # A process of its own: libFuzzer ends the one it is in, and instruments what is imported after it.
    words = [name, str(scratch), str(seconds), str(generator.randrange(1, 2**31))]
    command = [sys.executable, "-m", "benchmarks.chaos.libfuzzer", *words]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    tried, faults = _TRIED.search(done.stderr), scratch / FAULTS
    tally = Tally(int(tried.group(1)) if tried else 0, len([*corpus.iterdir()]))
    tally.dead_ends = faults.read_text("utf-8").splitlines() if faults.exists() else []
    if done.returncode:
        tally.dead_ends.append(f"ended with {done.returncode}: {' '.join(done.stderr.splitlines()[-3:])[:300]}")
    return tally
