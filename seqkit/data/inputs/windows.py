"""How texts of any length are read where no gradient is wanted: in rows, and a window of steps at a time.

R rows, T steps of a window, N tokens of a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

STEPS = 1024
"""Tokens of a row that are read at a time: memory does not grow with the text"""
_STRETCHES = 16
"""A long text is read as this many stretches side by side, each a row..."""
_LEAD = 256
"""... which first reads this many tokens of the stretch before, so that none begins without a context."""


class Row(NamedTuple):
    """A stretch of a text: tokens ``start`` to ``stop`` are read, and those from ``counted`` on are scored."""

    text: int
    start: int
    counted: int
    stop: int


class Window(NamedTuple):
    """What all rows read next: tokens (R, T), the targets of each step (R, T), and steps inside each row (R).

    Targets are -1 where nothing is counted.
    """

    tokens: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray


def rows_of(sizes: Sequence[int]) -> list[Row]:
    """The rows of texts of this many tokens: one for each, 16 for one of more than 16 · 1024 tokens."""
    return [row for text, size in enumerate(sizes) for row in _rows(text, size)]


def _rows(text: int, size: int) -> list[Row]:
    if size <= _STRETCHES * STEPS:
        return [Row(text, 0, 0, size)]
    edges = [size * n // _STRETCHES for n in range(_STRETCHES + 1)]
    return [Row(text, max(0, start - _LEAD), start, stop) for start, stop in pairwise(edges)]


def windows(texts: Sequence[np.ndarray], rows: Sequence[Row], before: int) -> Iterator[Window]:
    """The rows window by window; ``before`` comes before the first token of each text."""
    longest = max((row.stop - row.start for row in rows), default=0)
    for first in range(0, longest, STEPS):
        steps = min(STEPS, longest - first)
        pairs = [_window(texts[row.text], row, first, steps, before) for row in rows]
        tokens, targets = (np.stack(side) for side in zip(*pairs, strict=True))
        inside = [min(max(0, row.stop - row.start - first), steps) for row in rows]
        yield Window(tokens, targets, np.array(inside, np.int64))


def _window(text: np.ndarray, row: Row, first: int, steps: int, before: int) -> tuple[np.ndarray, np.ndarray]:
    """What a row reads in the steps from ``first`` on, and what it should predict."""
    start, stop = row.start + first, min(row.stop, row.start + first + steps)
    tokens, targets = np.zeros(steps, np.int64), np.full(steps, -1)
    if start < stop:
        tokens[: stop - start] = [before, *text[: stop - 1]] if start == 0 else text[start - 1 : stop - 1]
        counted = max(start, row.counted)
        targets[counted - start : stop - start] = text[counted:stop]
    return tokens, targets
