"""What every search shares: the step and the state that it is given, what it finds, and which tokens are allowed.

N rows, V symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from seqkit.errors import UsageError


class SearchState(Protocol):
    """What a step hands to the next: anything whose rows can be chosen."""

    def select(self: S, index: Tensor) -> S:
        """The rows at ``index`` (N) of int64, repeated or reordered at will."""
        ...


S = TypeVar("S", bound=SearchState)
Step = Callable[[Tensor, S], tuple[Tensor, S]]
"""The last tokens (N) and the state before them to logits (N, V) and the state after them."""


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that was found: its tokens without start and end, its score, and the log-probability of all of it."""

    tokens: tuple[int, ...]
    score: float
    log_probability: float


@dataclass(frozen=True)
class Limits:
    """The tokens that may come next: the prefix while it lasts, no end before the smallest length, then the end.

    Args:
        start, end: symbols around a sequence.
        max_length: tokens at most, the end not counted; one number, or one for each row of the batch.
        min_length: tokens at least.
        prefixes: for each row of the batch, the tokens that it must begin with.
        banned: symbols that never come, such as padding.
        owed: for each row of the batch, symbols that it must write, each as often as it is named, before it ends.
        reserved: symbols that come only where they are owed.

    Raises:
        UsageError: for lengths that cannot be.
    """

    start: int
    end: int
    max_length: int | Sequence[int]
    min_length: int = 0
    prefixes: Sequence[Sequence[int]] | None = None
    banned: Sequence[int] = ()
    owed: Sequence[Sequence[int]] | None = None
    reserved: Sequence[int] = ()

    def __post_init__(self) -> None:
        lengths = [self.max_length] if isinstance(self.max_length, int) else self.max_length
        shortest = min(lengths, default=1)
        if not 0 <= self.min_length <= shortest or shortest < 1:
            raise UsageError(
                f"lengths must satisfy 0 <= min_length <= max_length and 1 <= max_length, not {self.min_length} "
                f"and {shortest}"
            )
        for row, prefix in enumerate(self.prefixes or ()):
            if len(prefix) > self.longest(row) or self.end in prefix:
                raise UsageError(f"a prefix of {len(prefix)} tokens must fit {self.longest(row)} and not hold the end")
        for row, owed in enumerate(self.owed or ()):
            if len(owed) > self.longest(row) or not set(owed) <= set(self.reserved):
                raise UsageError(f"{len(owed)} symbols that are owed must fit {self.longest(row)} and be reserved")

    def longest(self, row: int) -> int:
        """The most tokens that a row may have."""
        return self.max_length if isinstance(self.max_length, int) else self.max_length[row]

    def apply(self, log_probabilities: Tensor, rows: Sequence[int], written: Tensor) -> Tensor:
        """Log-probabilities (N, V) of the next token with -inf at what may not come.

        ``rows`` (N): whose they are; ``written`` (N, T): their tokens so far.
        """
        position = written.shape[1]
        allowed = log_probabilities.clone()
        if self.banned:
            allowed[:, list(self.banned)] = -torch.inf
        if position < self.min_length:
            allowed[:, self.end] = -torch.inf
        if self.reserved:
            self._hold_to_debts(allowed, rows, written)
        full = torch.tensor([position >= self.longest(row) for row in rows])
        if full.any():
            allowed[full] = _only(log_probabilities[full], torch.full((int(full.sum()),), self.end))
        if self.prefixes is not None:
            forced = [self.prefixes[row][position] if position < len(self.prefixes[row]) else -1 for row in rows]
            here = torch.tensor(forced)
            held = here >= 0
            allowed[held] = _only(log_probabilities[held], here[held])
        return allowed

    def _hold_to_debts(self, allowed: Tensor, rows: Sequence[int], written: Tensor) -> None:
        """Bans reserved symbols that are not owed (any more), the end while some are, and, when there is just room
        left for those, all others."""
        reserved = torch.tensor(self.reserved)
        if self.owed is None or not (owed := self._debts[torch.tensor(rows)]).any():
            allowed[:, reserved] = -torch.inf
            return
        left = owed - (written.unsqueeze(2) == reserved).sum(1)
        debt = left.clamp(min=0).sum(1)
        room = torch.tensor([self.longest(row) for row in rows]) - written.shape[1]
        allowed[:, reserved] = allowed[:, reserved].masked_fill(left <= 0, -torch.inf)
        allowed[:, self.end] = allowed[:, self.end].masked_fill(debt > 0, -torch.inf)
        urgent = (debt > 0) & (debt >= room)
        if urgent.any():
            free = torch.ones(allowed.shape[1], dtype=torch.bool).index_fill_(0, reserved, False)
            allowed.masked_fill_(urgent.unsqueeze(1) & free, -torch.inf)

    @cached_property
    def _debts(self) -> Tensor:
        """How often each row owes each of the reserved symbols."""
        return torch.tensor([[owed.count(symbol) for symbol in self.reserved] for owed in self.owed or ()])


def _only(values: Tensor, symbols: Tensor) -> Tensor:
    """(N, V) with -inf at all but one symbol of each row."""
    places = symbols.unsqueeze(1)
    return torch.full_like(values, -torch.inf).scatter(1, places, values.gather(1, places))
