"""What a run says of its memory is its own."""

import subprocess
import sys

import numpy as np

from seqkit.machine import peak, resident


def test_memory_is_counted_and_the_peak_stays():
    before = resident()
    held = np.ones(2**24)  # 128 MB
    assert 120 < resident() - before < 136
    most = peak()
    del held
    # Linux counts pages processor by processor, so that a figure may be a few off.
    assert most > before + 120 and peak() > most - 1 and resident() < before + 20


def test_the_peak_is_not_that_of_the_program_that_started_it():
    held = np.ones(2**26)  # 512 MB
    program = [sys.executable, "-c", "from seqkit.machine import peak; print(peak())"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert float(done.stdout) < held.nbytes / 2**20


def test_no_thread_is_waited_for_that_finds_no_memory(tmp_path):
    # Without the check, those with a few kB left never end.
    program = f"""
import os, resource, sys
from pathlib import Path
from seqkit.runs.lock import FolderLock
def hold(room):
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + room, held + room))
    try:
        with FolderLock(Path({str(tmp_path)!r})):
            os._exit(0)
    except MemoryError:
        os._exit(7)
for room in (0, 8 << 10, 16 << 10, 64 << 20):
    if not (child := os.fork()):
        hold(room)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["7", "7", "7", "0"]
