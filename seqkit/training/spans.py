"""Where the time of a training goes: stretches of time with names, as a table and as a trace.

The trace is in the format that chrome://tracing and Perfetto open.
Source: Google, "Trace Event Format", complete events (``"ph": "X"``).
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch

from seqkit.tables import Table

STEP, VALIDATION = "step", "validation"
_PARTS = ("data", "forward", "backward", "waiting for threads", "communication", "optimizer")
"""What a step is made of; no two of them at the same time in one thread"""
_MOST = 100_000
"""Spans that a trace has, about 10 MB"""
_NOTHING = nullcontext()


class Spans:
    """Notes nothing: what a training has unless somebody asks where its time goes."""

    def span(self, name: str) -> AbstractContextManager[None]:
        """Inside, time goes into what is named."""
        return _NOTHING


NO_SPANS = Spans()


class Span(NamedTuple):
    """A stretch of time, in nanoseconds."""

    name: str
    thread: str
    start: int
    length: int


class Total(NamedTuple):
    """How often something was done, and the nanoseconds it took."""

    calls: int = 0
    length: int = 0


class Profile(Spans):
    """Notes how long each thing took, and when.

    Args:
        asynchronous: whether the device computes while Python continues: the end of a span then waits for it.
    """

    def __init__(self, asynchronous: bool = False) -> None:
        self.asynchronous, self.main = asynchronous, threading.current_thread().name
        # Spans of several processes are shown side by side, so they need one clock.
        self._offset = time.time_ns() - time.perf_counter_ns()
        self.spans: list[Span] = []
        self.totals: defaultdict[tuple[str, str], Total] = defaultdict(Total)
        """Of all spans, by thread and name; a thread writes under its own name alone"""

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """See :class:`Spans`."""
        start = time.perf_counter_ns()
        yield
        if self.asynchronous:
            torch.accelerator.synchronize()
        thread, length = threading.current_thread().name, time.perf_counter_ns() - start
        calls, before = self.totals[thread, name]
        self.totals[thread, name] = Total(calls + 1, before + length)
        if len(self.spans) < _MOST:
            self.spans.append(Span(name, thread, start + self._offset, length))

    def table(self) -> Table:
        """Where the time of the steps went, and what validation took."""
        own = {name: total for (thread, name), total in self.totals.items() if thread == self.main}
        steps = own.get(STEP, Total())
        parts = [(name, own[name]) for name in _PARTS if name in own]
        other = Total(steps.calls, max(0, steps.length - sum(total.length for _, total in parts)))
        rows = [_row(name, total, steps) for name, total in (*parts, ("other", other), ("all steps", steps))]
        if beside := [total for (thread, _), total in self.totals.items() if thread != self.main]:
            together = Total(sum(total.calls for total in beside), sum(total.length for total in beside))
            rows.append([*_row("in other threads, at the same time", together, steps)[:-1], ""])
        if VALIDATION in own:
            rows.append([*_row(VALIDATION, own[VALIDATION], steps)[:-1], ""])
        return Table("where the time of a step goes", ["", "seconds", "ms per step", "  share"], rows)

    def events(self, process: int) -> list[dict[str, Any]]:
        """The spans as events of a trace, in microseconds."""
        threads = list(dict.fromkeys([self.main, *(span.thread for span in self.spans)]))
        about = [_about("process_name", process, 0, f"process {process}")]
        about += [_about("thread_name", process, number, name) for number, name in enumerate(threads)]
        numbers = {name: number for number, name in enumerate(threads)}
        return about + [
            {
                "name": span.name,
                "ph": "X",
                "ts": span.start / 1e3,
                "dur": span.length / 1e3,
                "pid": process,
                "tid": numbers[span.thread],
            }
            for span in self.spans
        ]


def trace_bytes(events: Sequence[dict[str, Any]]) -> bytes:
    """A file for chrome://tracing and Perfetto; it begins with the first event at 0."""
    first = min((event["ts"] for event in events if "ts" in event), default=0.0)
    moved = [{**event, "ts": round(event["ts"] - first, 3)} if "ts" in event else event for event in events]
    return json.dumps({"traceEvents": moved, "displayTimeUnit": "ms"}).encode()


def _row(name: str, total: Total, steps: Total) -> list[Any]:
    share = f"{100 * total.length / max(1, steps.length):.1f} %"
    milliseconds = total.length / 1e6 / max(1, steps.calls)
    # As wide as the headings.
    return [name, f"{total.length / 1e9:7.2f}", f"{milliseconds:11.2f}", f"{share:>7}"]


def _about(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}
