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
