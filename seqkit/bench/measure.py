"""Timing: candidates take turns, so that a busy moment of the machine hits them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch


class Timing(NamedTuple):
    """Seconds of one call: the median, and the quartiles around it."""

    median: float
    low: float
    high: float
    p95: float
    p99: float


def interleaved(candidates: Mapping[str, Callable[[], object]], seconds: float, warm: int = 2) -> dict[str, Timing]:
    """Calls each in turn, at least 5 times each and until so many seconds have passed for each of them."""
    for call in candidates.values():
        for _ in range(warm):
            call()
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    end = time.perf_counter() + seconds * len(names)
    while time.perf_counter() < end or len(taken[names[0]]) < 5:
        for name in names:
            start = time.perf_counter()
            candidates[name]()
            taken[name].append(time.perf_counter() - start)
        names.append(names.pop(0))
    return {name: _timing(sorted(values)) for name, values in taken.items()}


def _timing(values: list[float]) -> Timing:
    def at(part: float) -> float:
        return values[min(len(values) - 1, int(part * len(values)))]

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
