"""Time limits for parts of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

_EVERY = 0.05
"""Seconds between two looks at what is open"""


class Deadlines:
    """The time limits of many tasks of one event loop, which one timer looks at a few times a second.

    ``asyncio.timeout``, which Python 3.10 lacks, has a timer for each, and ``wait_for`` a task: with a few limits for
    every request that was a good part of what a short answer cost.
    """

    def __init__(self) -> None:
        self._open: dict[Deadline, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def within(self, seconds: float, error: Callable[[], Exception]) -> Deadline:
        """Raises the error in place of whatever is awaited inside after so many seconds."""
        return Deadline(self, seconds, error)

    def add(self, deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to look at a limit."""
        self._open[deadline] = None
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(_EVERY, self._look, loop)

    def remove(self, deadline: Deadline) -> None:
        """Ends that."""
        self._open.pop(deadline, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for deadline in [deadline for deadline in self._open if deadline.ends <= now]:
            deadline.expire()
        if self._open:
            loop.call_later(_EVERY, self._look, loop)
        else:
            self._loop = None


class Limit(NamedTuple):
    """When a part of a task has to be done, and the error if it is not."""

    ends: float
    error: Callable[[], Exception]


class Deadline:
    """One limit, as a context of the task that it is for."""

    __slots__ = ("_deadlines", "_error", "_expired", "_seconds", "_task", "ends")

    def __init__(self, deadlines: Deadlines, seconds: float, error: Callable[[], Exception]) -> None:
        self._deadlines, self._seconds, self._error = deadlines, seconds, error
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self.ends = 0.0

    def __enter__(self) -> Deadline:
        loop = asyncio.get_running_loop()
        self._task, self.ends = asyncio.current_task(), loop.time() + self._seconds
        self._deadlines.add(self, loop)
        return self

    def begin(self, seconds: float, error: Callable[[], Exception]) -> Limit:
        """Another limit from now on, for a part of the task; returns the one before, for :meth:`end`."""
        before = Limit(self.ends, self._error)
        self.ends, self._error = asyncio.get_running_loop().time() + seconds, error
        return before

    def end(self, before: Limit) -> None:
        """The limit before that part again."""
        self.ends, self._error = before

    def expire(self) -> None:
        """Ends what is awaited inside."""
        self._expired = True
        self._deadlines.remove(self)
        assert self._task is not None
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.remove(self)
        if self._expired and isinstance(error, asyncio.CancelledError):
            if self._task is not None and hasattr(self._task, "uncancel"):
                self._task.uncancel()
            raise self._error() from None
