"""How the native kernel divides its work among threads."""

from __future__ import annotations

from functools import lru_cache

import torch

from seqkit.machine import cpu_quota

MOST_IN_TEAM = 64
"""Threads that may share a slice, as ``kMaxTeam`` of the C++ has it."""
_BLOCK = 16
"""Hidden units of which at least one member of a team has all: more members than blocks would only wait."""
_EARNS_A_TEAM, _EARNS_A_TEAM_IN_A_STEP = 2**15, 2**17
"""Recurrent weights below which a step is over before two threads have met.

A single step has to earn the start of the threads, too.
"""

ROWS_WORTH_LARGE_WEIGHTS = 16 if torch.backends.cpu.get_cpu_capability().startswith("AVX512") else 8
"""Rows of a slice that are worth reading large weights for it alone, where products wait for their weights.

With AVX2 a product takes longer, so that fewer rows do: an LSTM of 512 units, two threads, as a team against two slices
has 0.97 to 1.0 of the speed for 8 sequences, 0.6 for 16 and 0.8 to 0.9 for 24 (inference, on a busy machine).
"""


def plan(
    directions: int, batch: int, hidden: int, gates: int, *, single: bool = False, training: bool = False
) -> tuple[int, int]:
    """Slices of the batch for each direction, and threads for each slice; ``single``: of one step, not many."""
    if single and batch == 1 and gates * hidden * hidden < _EARNS_A_TEAM_IN_A_STEP:
        return 1, 1  # however many threads there are, which takes longer to find out than such a step can spare
    # A compiler that traces the call warns of a cache, and needs none.
    planned = _planned.__wrapped__ if torch.compiler.is_compiling() else _planned
    return planned(_threads(), directions, batch, hidden, gates, single, training)


def plan_of_phases(batch: int, hidden: int, gates: int, *, training: bool) -> tuple[int, int]:
    """The same for one direction of a cell in phases; ``gates`` are those with a recurrent product.

    Its rows have more to do beside the products than those of other cells: where no team is earned, they are divided.
    """
    slices, team = plan(1, batch, hidden, gates, training=training)
    return (slices, team) if team > 1 else (max(1, min(batch, _threads())), 1)


def _threads() -> int:
    """torch's, but no more than a container's quota of processor time: a team without its cores waits."""
    threads, quota = torch.get_num_threads(), cpu_quota()
    return threads if quota is None or quota >= threads else max(1, int(quota))


# As torch.compiler.assume_constant_result marks what a compiler calls while it traces; its import takes seconds.
_threads._dynamo_marked_constant = True  # type: ignore[attr-defined]


@lru_cache(4096)
def _planned(
    threads: int, directions: int, batch: int, hidden: int, gates: int, single: bool, training: bool
) -> tuple[int, int]:
    workers = threads // directions if threads >= directions else 1
    if workers == 1:
        return 1, 1
    weights = gates * hidden * hidden
    # A slice of few rows waits for its weights: where these are large, threads had better share them. What training
    # does beside the products makes up for it up to twice the size.
    large = weights >= (2**21 if training else 2**20)
    slices = max(1, min(workers, batch // (ROWS_WORTH_LARGE_WEIGHTS if large else 4)))
    earns_a_team = weights >= (_EARNS_A_TEAM_IN_A_STEP if single else _EARNS_A_TEAM)
    team = min(workers // slices, MOST_IN_TEAM, max(1, hidden // _BLOCK)) if earns_a_team else 1
    return slices, team
