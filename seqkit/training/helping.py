"""The first process of a training at work that is not shared step by step, and the others, which help where it asks.

Scoring is such work: the first process does it, and has the others predict their share. All of them call one function
each: the first one :func:`ask` and at last :func:`release`, the others :func:`help_first`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from seqkit.training.distributed import PeerLost, Processes
from seqkit.training.values import from_bytes, to_bytes

Help = Callable[[Mapping[str, Any]], None]
"""Does this process's share of what is requested"""


def ask(processes: Processes, request: Mapping[str, Any]) -> None:
    """Has the other processes do their share of something; what it says may be all that ``to_bytes`` takes."""
    processes.share(to_bytes(["help", request]))


def release(processes: Processes, said: Any = None) -> None:
    """Has the other processes go on, with what the first one has to say."""
    if processes.size > 1:
        processes.share(to_bytes(["done", said]))


def help_first(processes: Processes, help: Help) -> Any:
    """Helps where the first process asks for it, until it releases this one; what it says then."""
    while True:
        what, content = from_bytes(processes.share(None))
        if what == "done":
            return content
        help(content)


@contextmanager
def helped(processes: Processes) -> Iterator[None]:
    """Inside, the first process may :func:`ask` the others; they are released at the end, and where it fails."""
    try:
        yield
    finally:
        # Where one of them has ended, that is raised already.
        with suppress(PeerLost):
            release(processes)
