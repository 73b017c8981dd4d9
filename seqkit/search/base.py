"""What every search shares: the step and the state that it is given, what it finds, and which tokens are allowed.

N rows, V symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
        max_length: tokens at most, the end not counted.
        min_length: tokens at least.
        prefixes: for each row of the batch, the tokens that it must begin with.
        banned: symbols that never come, such as padding.

    Raises:
        UsageError: for lengths that cannot be.
    """

    start: int
    end: int
    max_length: int
    min_length: int = 0
    prefixes: Sequence[Sequence[int]] | None = None
    banned: Sequence[int] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.min_length <= self.max_length or self.max_length < 1:
            raise UsageError(
                f"lengths must satisfy 0 <= min_length <= max_length and 1 <= max_length, not {self.min_length} "
                f"and {self.max_length}"
            )
        for prefix in self.prefixes or ():
            if len(prefix) > self.max_length or self.end in prefix:
                raise UsageError(f"a prefix of {len(prefix)} tokens must fit {self.max_length} and not hold the end")

    def apply(self, log_probabilities: Tensor, position: int, rows: Sequence[int]) -> Tensor:
        """Log-probabilities (N, V) of the token at ``position`` with -inf at what may not come; ``rows`` (N): whose."""
        allowed = log_probabilities.clone()
        if self.banned:
            allowed[:, list(self.banned)] = -torch.inf
        if position < self.min_length:
            allowed[:, self.end] = -torch.inf
        if position == self.max_length:
            return _only(allowed, torch.full((len(rows),), self.end))
        if self.prefixes is not None:
            forced = [self.prefixes[row][position] if position < len(self.prefixes[row]) else -1 for row in rows]
            here = torch.tensor(forced)
            held = here >= 0
            allowed[held] = _only(log_probabilities[held], here[held])
        return allowed


def _only(values: Tensor, symbols: Tensor) -> Tensor:
    """(N, V) with -inf at all but one symbol of each row."""
    places = symbols.unsqueeze(1)
    return torch.full_like(values, -torch.inf).scatter(1, places, values.gather(1, places))
