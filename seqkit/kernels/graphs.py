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
        key = (key, torch.cuda.current_stream(), torch.backends.cuda.matmul.fp32_precision)
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


class _Graph:
    def __init__(self, function: Function, tensors: Sequence[Tensor | None]) -> None:
        # In memory that is written in inference mode and out of it.
        with torch.inference_mode(False), torch.no_grad():
            self.given = [None if t is None else torch.empty_like(t, memory_format=torch.contiguous_format).copy_(t)
                          for t in tensors]  # fmt: skip
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.results = function(*self.given)

    def replay(self, tensors: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
        with torch.inference_mode(False), torch.no_grad():
            for place, tensor in zip(self.given, tensors, strict=True):
                if place is not None and tensor is not None:
                    place.copy_(tensor)
            self.graph.replay()
            return tuple(None if result is None else result.clone() for result in self.results)
