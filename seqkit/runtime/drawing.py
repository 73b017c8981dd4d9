"""Symbols sampled as :mod:`seqkit.search` samples them; the same seed gives another text than torch's.

V symbols.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np

from seqkit.answers.finite import NOT_FINITE
from seqkit.answers.sampling import COLDEST, Sampling
from seqkit.errors import SeqkitError
from seqkit.runtime.arrays import Array, softmax


def choose(logits: Array, generator: np.random.Generator, sampling: Sampling) -> int:
    """One symbol by its logits (V); see :func:`seqkit.search.choose`."""
    if np.isnan(logits).any():
        raise SeqkitError(NOT_FINITE)
    if sampling.temperature < COLDEST:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / sampling.temperature
    order = np.argsort(-scaled, kind="stable")
    values = scaled[order]
    if sampling.top_k:
        values[sampling.top_k :] = -np.inf
    probabilities = softmax(values)
    if sampling.top_p < 1:
        # A symbol stays if those before it have not yet reached the sum; the first always does.
        before = probabilities.cumsum() - probabilities
        probabilities = np.where(before >= sampling.top_p, 0.0, probabilities)
    # A race of exponential clocks, in which symbol i rings first with probability p_i.
    clocks = generator.exponential(size=len(probabilities))
    return int(order[(probabilities / clocks).argmax()])


class Repeats:
    """No n-gram twice in a text that grows without end.

    Args:
        size: tokens of the n-grams that may not come twice; 0: all may.
        before: the tokens that the text begins with.
    """

    def __init__(self, size: int, before: Sequence[int]) -> None:
        self._seen: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)
        self._last: deque[int] = deque(maxlen=max(0, size - 1))
        self._size = size
        for token in before:
            self.read(token)

    def block(self, logits: Array) -> Array:
        """Logits (V) with -inf at what would repeat an n-gram; they stay where nothing would be left."""
        if not self._size:
            return logits
        blocked = logits.copy()
        # A deque that is not full yet is a shorter key than any, so nothing is found.
        blocked[[*self._seen.get(tuple(self._last), ())]] = -np.inf
        return logits if np.isneginf(blocked).all() else blocked

    def read(self, token: int) -> None:
        """The next token."""
        if self._size and len(self._last) == self._last.maxlen:
            self._seen[tuple(self._last)].add(token)
        self._last.append(token)
