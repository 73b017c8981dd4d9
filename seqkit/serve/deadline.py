"""A time limit for part of a task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deadline(seconds: float, error: Exception) -> Iterator[None]:
    """Raises the error in place of whatever is awaited inside after so many seconds.

    As ``asyncio.timeout``, which Python 3.10 lacks; ``wait_for`` makes a task of its own for each request.
    """
    task, expired = asyncio.current_task(), False
    assert task is not None

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, expire)
    try:
        yield
    except asyncio.CancelledError:
        if not expired:
            raise
        if hasattr(task, "uncancel"):
            task.uncancel()
        raise error from None
    finally:
        timer.cancel()
