"""CUDA graphs of calls that come again with the same sizes: a loop of many small kernels is started as one.

A graph reads and writes memory of its own: operands are copied there in every call, so that any edit of a weight
counts, and results are copied out, so that a call does not change what another gave.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor | None, ...]]


class Graphs:
    """Graphs by what they were recorded for; a call is run as it is the first time, and recorded the second.

    Args:
        most: so many are kept, those that were used last.
    """

    def __init__(self, most: int = 8) -> None:
        self.most = most
        self._graphs: OrderedDict[Hashable, _Graph | None] = OrderedDict()
        self._lock = Lock()

    def call(self, key: Hashable, function: Function, tensors: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
        """``function(*tensors)``, tensors on a GPU; the key says all that decides what it does but their values."""
        if torch.cuda.is_current_stream_capturing():
            return function(*tensors)
        missing = tuple(t is None for t in tensors)
        key = (key, missing, torch.cuda.current_stream(), *_switches())
        with self._lock:
            known = key in self._graphs
            graph = self._graphs.pop(key, None)
            if known:
                graph = graph or _Graph(function, tensors)
            self._graphs[key] = graph
            while len(self._graphs) > self.most:
                self._graphs.popitem(last=False)
            if graph is not None:
                return graph.replay(tensors)
        return function(*tensors)


def _switches() -> tuple[object, ...]:
    """torch's, which a graph is recorded under."""
    return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.rnn.fp32_precision


class _Graph:
    def __init__(self, function: Function, tensors: Sequence[Tensor | None]) -> None:
        # In memory that is written in inference mode and out of it.
        with torch.inference_mode(False), torch.no_grad():
            given = [None if t is None else torch.empty_like(t, memory_format=torch.contiguous_format) for t in tensors]
            self.given = [place for place in given if place is not None]
            _copy(self.given, [t for t in tensors if t is not None])
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.results = function(*given)

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
