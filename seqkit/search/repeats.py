"""No n-gram twice: which symbols would repeat one that a sequence has already.

N rows, T tokens written so far, V symbols.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def block_repeats(allowed: Tensor, written: Tensor, size: int, free: Sequence[int] = ()) -> Tensor:
    """Log-probabilities (N, V) with -inf where a symbol would complete an n-gram that is in ``written`` (N, T).

    Symbols that are ``free`` may always come, and a row in which no symbol would be left stays as it is.
    """
    if written.shape[1] < size:
        return allowed
    grams = written.unfold(1, size, 1)
    begun = written[:, written.shape[1] - size + 1 :].unsqueeze(1)
    rows, places = (grams[:, :, :-1] == begun).all(2).nonzero(as_tuple=True)
    blocked = allowed.clone()
    blocked[rows, grams[rows, places, -1]] = -torch.inf
    if free:
        blocked[:, list(free)] = allowed[:, list(free)]
    stuck = blocked.isneginf().all(1, keepdim=True)
    return torch.where(stuck, allowed, blocked)


class Repeats:
    """The same for sequences that grow without end, in time that does not grow with them.

    Args:
        size: tokens of the n-grams that may not come twice.
        before: for each row, the tokens that it begins with.
    """

    def __init__(self, size: int, before: Iterable[Sequence[int]]) -> None:
        self._seen: list[defaultdict[tuple[int, ...], set[int]]] = []
        self._last: list[deque[int]] = []
        for number, tokens in enumerate(before):
            self._seen.append(defaultdict(set))
            self._last.append(deque(maxlen=size - 1))
            for token in tokens:
                self._read(number, token)

    def block(self, logits: Tensor) -> Tensor:
        """Logits (N, V) with -inf at what would repeat an n-gram; a row that would have nothing left stays."""
        blocked = logits.clone()
        for row, seen, last in zip(blocked, self._seen, self._last, strict=True):
            # A deque that is not full yet is a shorter key than any, so nothing is found.
            row[list(seen.get(tuple(last), ()))] = -torch.inf
        return torch.where(blocked.isneginf().all(1, keepdim=True), logits, blocked)

    def read(self, tokens: Tensor) -> None:
        """The next token of each row (N)."""
        for number, token in enumerate(tokens.tolist()):
            self._read(number, token)

    def _read(self, number: int, token: int) -> None:
        last = self._last[number]
        if len(last) == last.maxlen:
            self._seen[number][tuple(last)].add(token)
        last.append(token)
