"""Draws of several threads: each seed gives its own numbers, and nobody else's generators change."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from seqkit.training.checkpoint import seeded


def draw(seed):
    with seeded(seed):
        found = []
        for _ in range(5):
            found += [torch.rand(()).item(), np.random.rand()]
            time.sleep(0.002)  # another thread's turn, if it may have one
        return found


def test_threads_draw_what_their_seeds_give_and_leave_the_callers_generator_alone():
    expected = [draw(seed) for seed in range(4)]
    torch.manual_seed(7)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(4))) == expected
    assert torch.equal(torch.get_rng_state(), before)
