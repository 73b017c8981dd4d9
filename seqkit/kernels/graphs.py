"""CUDA graphs of calls that come again with the same sizes: a loop of many small kernels is started as one.

A graph reads and writes memory of its own: operands are copied there in every call, so that any edit of a weight
counts, and results are copied out, so that a call does not change what another gave.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor | None, ...]]

_OFTEN = 8
"""So often has a call to come before its graph replaces another: to record one takes as long as a few calls"""
_MOST_SEEN = 1024
_TIMES = 4
"""The memory of a graph in that of its operands, about"""


class Graphs:
    """Graphs by what they were recorded for; a call is run as it is the first time, and recorded the second.

    Args:
        most: so many are kept, those that were used last.
        share: of a GPU's memory they take no more than this, about.
    """

    def __init__(self, most: int = 16, share: float = 1 / 16) -> None:
        self.most, self.share = most, share
        self._graphs: OrderedDict[Hashable, _Graph] = OrderedDict()
        self._seen: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._graphs)

    def call(self, key: Hashable, function: Function, tensors: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
        """``function(*tensors)``, tensors on a GPU; the key says all that decides what it does but their values."""
        if torch.cuda.is_current_stream_capturing():
            return function(*tensors)
        missing = tuple(t is None for t in tensors)
        key = (key, missing, torch.cuda.current_stream(), *_switches())
        with self._lock:
            if key in self._graphs:
                self._graphs.move_to_end(key)
            elif self._find_place(key, sum(t.nbytes for t in tensors if t is not None)):
                self._graphs[key] = _Graph(function, tensors)
            graph = self._graphs.get(key)
            if graph is not None:
                return graph.replay(tensors)
        return function(*tensors)

    def _find_place(self, key: Hashable, operands: int) -> bool:
        """Whether a call with so many bytes of operands is to be recorded: it came before, and there is a place for it.

        Where there is none, a call that came often takes that of the graph that was not used for longest.
        """
        times = self._seen[key] = self._seen.pop(key, 0) + 1
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        most, needed = self.share * torch.cuda.get_device_properties().total_memory, _TIMES * operands
        if times < 2 or needed > most or 2 * needed > _free():
            return False
        while len(self._graphs) >= self.most or needed + sum(graph.bytes for graph in self._graphs.values()) > most:
            if times < _OFTEN:
                return False
            self._graphs.popitem(last=False)
        return True


def _free() -> int:
    """Bytes of a GPU's memory that torch could use."""
    return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()


def _switches() -> tuple[object, ...]:
    """torch's, which a graph is recorded under."""
    backends: Any = torch.backends
    return backends.cuda.matmul.fp32_precision, backends.cudnn.rnn.fp32_precision


class _Graph:
    def __init__(self, function: Function, tensors: Sequence[Tensor | None]) -> None:
        # In memory that is written in inference mode and out of it.
        with torch.inference_mode(False), torch.no_grad():
            given = [None if t is None else torch.empty_like(t) for t in tensors]
            self.given = [place for place in given if place is not None]
            _copy(self.given, [t for t in tensors if t is not None])
            before, self.graph = torch.cuda.memory_allocated(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.results = function(*given)
            self.bytes = torch.cuda.memory_allocated() - before + sum(place.nbytes for place in self.given)

    def replay(self, tensors: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
        with torch.inference_mode(False), torch.no_grad():
            _copy(self.given, [t for t in tensors if t is not None])
            self.graph.replay()
            results = [result for result in self.results if result is not None]
            copies = [torch.empty_like(result) for result in results]
            _copy(copies, results)
        found = iter(copies)
        return tuple(None if result is None else next(found) for result in self.results)


def _copy(places: list[Tensor], values: list[Tensor]) -> None:
    """Copies all, those of one dtype by one kernel."""
    by_dtype: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
    for place, value in zip(places, values, strict=True):
        pair = by_dtype.setdefault(place.dtype, ([], []))
        pair[0].append(place)
        pair[1].append(value)
    for pair in by_dtype.values():
        torch._foreach_copy_(*pair)
