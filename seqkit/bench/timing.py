"""Timing: candidates take turns, so that a busy moment of the machine hits them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from seqkit.errors import SeqkitError


class Timing(NamedTuple):
    """Seconds of one call: the median, and the quartiles around it."""

    median: float
    low: float
    high: float
    p95: float
    p99: float


_LOOK, _BUSY, _PATIENCE = 0.001, 0.2, 2.0
"""Seconds for which the processor time of this process is watched, what fraction of them counts as work, and seconds
after which threads that do not go to sleep are an error"""
_TURN = 0.015
"""Seconds of a turn; its first call is not counted."""


def interleaved(candidates: Mapping[str, Callable[[], object]], seconds: float, warm: int = 2) -> dict[str, Timing]:
    """Candidates take turns of a few calls, at least 5 turns each and until so many seconds have passed for each."""
    for call in candidates.values():
        for _ in range(warm):
            call()
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    names, turns = list(candidates), 0
    end = time.perf_counter() + seconds * len(names)
    while time.perf_counter() < end or turns < 5:
        for name in names:
            wait_until_asleep()
            taken[name] += _turn(candidates[name])
        names.append(names.pop(0))
        turns += 1
    return {name: _timing(sorted(values)) for name, values in taken.items()}


def wait_until_asleep() -> None:
    """Returns when no thread of this process works.

    The threads of an engine spin for some milliseconds after its call, on the cores of the next one, which has then had
    a tenth of its speed. No pause is sure to be long enough, so the process's own use of the processor is watched,
    until it twice used none.

    Raises:
        SeqkitError: threads still work after two seconds.
    """
    quiet, deadline = 0, time.perf_counter() + _PATIENCE
    while quiet < 2:
        if time.perf_counter() > deadline:
            raise SeqkitError("threads of an engine that was measured do not go to sleep, so others cannot be measured")
        start, used = time.perf_counter(), time.process_time()
        time.sleep(_LOOK)
        worked = time.process_time() - used > _BUSY * (time.perf_counter() - start)
        quiet = 0 if worked else quiet + 1


def _turn(call: Callable[[], object]) -> list[float]:
    call()
    times: list[float] = []
    until = time.perf_counter() + _TURN
    while not times or time.perf_counter() < until:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _timing(values: list[float]) -> Timing:
    def at(fraction: float) -> float:
        return values[min(len(values) - 1, int(fraction * len(values)))]

    return Timing(statistics.median(values), at(0.25), at(0.75), at(0.95), at(0.99))


def product_limit(seconds: float = 0.5) -> float:
    """The fastest float32 matrix product of this machine, in floating point operations a second.

    (1024, 1024) times (1024, 1024), through torch's own and, where it is there, through oneDNN with packed weights.
    """
    size = 1024
    a, b = torch.randn(size, size), torch.randn(size, size)
    ways: dict[str, Callable[[], object]] = {"mm": lambda: torch.mm(a, b)}
    if torch.backends.mkldnn.is_available():
        packed = torch.ops.mkldnn._reorder_linear_weight(b, size)
        ways["oneDNN"] = lambda: torch.ops.mkldnn._linear_pointwise(a, packed, None, "none", [], "")
    return max(2 * size**3 / timing.low for timing in interleaved(ways, seconds).values())
