"""Ctrl-C and SIGTERM while a command works: noted and acted on where the work can stop, not where they arrive."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted_signals(handle: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM end nothing inside; yields the list of the signals received, which grows as they arrive.

    ``handle`` is called at each signal, before it is in the list.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        handle()
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_signal(request_stop: Callable[[], None]) -> Iterator[list[int]]:
    """The first Ctrl-C or SIGTERM asks the work to stop when it can, a second Ctrl-C ends it; yields those received."""
    times: list[float] = []

    def handle() -> None:
        # make and timeout pass one signal on twice; only a person asks again after a second.
        if times and time.monotonic() - times[-1] > 1:
            raise KeyboardInterrupt
        times.append(time.monotonic())
        request_stop()

    with noted_signals(handle) as received:
        yield received
