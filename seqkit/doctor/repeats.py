"""How many inputs of a file are repetitions, counted in constant memory."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

_REMEMBERED = 1 << 20
"""Texts, 16 bytes each."""


class Repetitions(NamedTuple):
    """How many texts came a second time or more, and the first of them."""

    repetitions: int
    """An estimate, if only a sample of the texts was remembered"""
    line: int
    """Of the first repetition; 0 if there is none"""
    original: int
    """The line of the text that it repeats"""


class RepetitionCounter:
    """Counts texts that came before, in constant memory.

    Up to ``limit`` texts are remembered, by a hash; of more, those of every second hash, every fourth, ...: a sample of
    texts, not of rows, so that a text and its repetition are both in it or both not. Then the count is an estimate.
    """

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self.limit, self.mask = limit, 0
        self._hashes, self._lines = array("Q"), array("Q")

    def add(self, text: str, line: int) -> None:
        """One more text, and its line."""
        text_hash = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        if text_hash & self.mask:
            return
        self._hashes.append(text_hash)
        self._lines.append(line)
        while len(self._hashes) > self.limit:
            self.mask = 2 * self.mask + 1
            hashes, lines = self._arrays()
            sampled = hashes & np.uint64(self.mask) == 0
            self._hashes, self._lines = array("Q", hashes[sampled].tobytes()), array("Q", lines[sampled].tobytes())

    def result(self) -> Repetitions:
        """Those among the texts so far."""
        hashes, lines = self._arrays()
        # Stable, so that of equal hashes the earlier line comes first.
        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
        if not len(same):
            return Repetitions(0, 0, 0)
        first = same[np.argmin(order[same + 1])]
        return Repetitions(len(same) * (self.mask + 1), int(lines[order[first + 1]]), int(lines[order[first]]))

    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        # Copies: an array whose memory is lent out cannot grow.
        return np.array(self._hashes, np.uint64), np.array(self._lines, np.uint64)
