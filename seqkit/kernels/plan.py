"""How the native kernel divides its work among threads."""

from __future__ import annotations

import torch


def plan(
    directions: int, batch: int, hidden: int, gates: int, *, single: bool = False, training: bool = False
) -> tuple[int, int]:
    """Slices of the batch for each direction, and threads for each slice; ``single``: of one step, not many."""
    threads = torch.get_num_threads()
    workers = threads // directions if threads >= directions else 1
    if workers == 1:
        return 1, 1
    weights = gates * hidden * hidden
    # A slice of few rows waits for its weights: where these are large, threads had better share them. What training
    # does beside the products makes up for it up to twice the size.
    large = weights >= (2**21 if training else 2**20)
    slices = max(1, min(workers, batch // (16 if large else 4)))
    # Below this a step is over before two threads have met; a single step has to earn the start of the threads, too.
    team = workers // slices if weights >= (2**17 if single else 2**15) else 1
    return slices, team
