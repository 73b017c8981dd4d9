"""Numbers of a service, in the text format of Prometheus."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds"""


class Metrics:
    """Counts requests by endpoint and status, and how long they took. Endpoints are ours, never what a client wrote."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()

    def note(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests[endpoint, status] += 1
        self._finished[endpoint] += 1
        self._seconds[endpoint] += seconds  # type: ignore[assignment]  # a Counter of floats
        for bound in _BOUNDS:
            if seconds <= bound:
                self._within[endpoint, bound] += 1
                break

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """All numbers; ``gauges`` are others, with what each is: ``{"waiting": ("inputs that wait", 3)}``."""
        own = f'worker="{os.getpid()}"'
        lines = ["# HELP seqkit_requests_total Requests that were answered.", "# TYPE seqkit_requests_total counter"]
        for (endpoint, status), count in sorted(self._requests.items()):
            lines.append(f'seqkit_requests_total{{endpoint="{endpoint}",status="{status}",{own}}} {count}')
        name = "seqkit_request_seconds"
        lines += [f"# HELP {name} How long a request took.", f"# TYPE {name} histogram"]
        for endpoint in sorted(self._finished):
            labels, below = f'endpoint="{endpoint}",{own}', 0
            for bound in _BOUNDS:
                below += self._within[endpoint, bound]
                lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {below}')
            lines.append(f'{name}_bucket{{{labels},le="+Inf"}} {self._finished[endpoint]}')
            lines.append(f"{name}_sum{{{labels}}} {self._seconds[endpoint]:.6f}")
            lines.append(f"{name}_count{{{labels}}} {self._finished[endpoint]}")
        for key, (what, value) in gauges.items():
            kind = "counter" if key.endswith("_total") else "gauge"
            lines += [f"# HELP seqkit_{key} {what}.", f"# TYPE seqkit_{key} {kind}", f"seqkit_{key}{{{own}}} {value:g}"]
        return "\n".join(lines) + "\n"
