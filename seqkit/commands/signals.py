"""Signals that end a command: noted and acted on where the work can stop, not where they arrive."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted_signals(handle: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Ctrl-C, SIGTERM and SIGHUP (the terminal has gone) end nothing inside.

    Yields the list of the signals received, which grows as they arrive.

    ``handle`` is called at each signal, before it is in the list.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        handle()
        received.append(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    # What nohup has asked to be ignored stays so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_signal(request_stop: Callable[[], None]) -> Iterator[list[int]]:
    """The first signal asks the work to stop when it can, a second Ctrl-C ends it; yields those received."""
    times: list[float] = []

    def handle() -> None:
        # make and timeout pass one signal on twice; only a person asks again after a second.
        if times and time.monotonic() - times[-1] > 1:
            raise KeyboardInterrupt
        times.append(time.monotonic())
        request_stop()

    with noted_signals(handle) as received:
        yield received


STOP_AT_END = "SEQKIT_STOP_WITH_PARENT"
"""Set for a process whose standard input is a pipe from the one that started it."""


def stop_with_parent() -> None:
    """Stops this process, as SIGTERM does, when the one that started it has gone; it cannot tell us if it is killed."""
    if os.environ.pop(STOP_AT_END, None) is None:
        return

    def wait() -> None:
        # Nothing is ever written there: a pipe ends when its last writer does.
        # Not sys.stdin, whose lock a thread that is stopped in the middle would keep for ever.
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="seqkit-parent", daemon=True).start()
