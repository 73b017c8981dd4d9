"""Predictions while a sequence arrives, and what a stream has kept of it, so that another one continues from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

LIKELIEST = 5
"""Tokens that may come next, as a streamed text names them"""


class Stream(Protocol):
    """Predictions while a sequence arrives, in memory that does not grow with it."""

    def push(self, line: str) -> Any:
        """Reads one step, written on a line; returns the prediction that it settles, None if there is none yet.

        Raises :class:`DataError` for a line that is not a step; the stream then is as it was before.
        """
        ...

    def finish(self) -> Sequence[Any]:
        """Ends the sequence: the predictions still owed. The next step begins another one."""
        ...


class Snapshot(NamedTuple):
    """What a stream has kept of its sequence."""

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    """What JSON can hold"""


@runtime_checkable
class MovableStream(Stream, Protocol):
    """A stream that can continue in another process: ``seqkit serve`` hands it out as a token."""

    def snapshot(self) -> Snapshot:
        """All that the stream has kept of its sequence."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on where the stream was that gave the snapshot, bit-equal; both are of one model."""
        ...


class StreamedText(NamedTuple):
    """A piece of a text as a model has read it, and the most likely tokens after it with their probabilities."""

    tokens: int
    nats: float
    next: dict[str, float]

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """The most likely token, and all of it as JSON."""
        return next(iter(self.next), ""), self._asdict()
