"""What every search shares: the step and the state that it works on, its result, and which tokens may come next.

N rows, T tokens written so far, V symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from seqkit.answers.finite import NOT_FINITE
from seqkit.answers.searching import Hypothesis, SearchLimits
from seqkit.errors import SeqkitError
from seqkit.search.repeats import block_repeats

__all__ = ["Hypothesis", "Limits", "S", "SearchState", "Step", "log_probabilities", "refuse_nan"]


class SearchState(Protocol):
    """What a step hands to the next: anything whose rows can be chosen."""

    def select(self: S, index: Tensor) -> S:
        """The rows at ``index`` (N) of int64, repeated or reordered at will."""
        ...


S = TypeVar("S", bound=SearchState)
Step = Callable[[Tensor, S], tuple[Tensor, S]]
"""The last tokens (N) and the state before them to logits (N, V) and the state after them."""


def log_probabilities(logits: Tensor) -> Tensor:
    """Those of each symbol, (N, V).

    Raises:
        SeqkitError: for logits that are not numbers.
    """
    found = torch.log_softmax(logits, 1)
    refuse_nan(found[:, 0])
    return found


def refuse_nan(values: Tensor) -> None:
    """Raises :class:`SeqkitError` where something is not a number: nothing could be chosen by it."""
    if values.isnan().any():
        raise SeqkitError(NOT_FINITE)


class Limits(SearchLimits):
    """Which tokens may come next, see :class:`~seqkit.answers.searching.SearchLimits`."""

    def apply(self, log_probabilities: Tensor, rows: Sequence[int], written: Tensor) -> Tensor:
        """Log-probabilities (N, V) of the next token, with -inf at those that may not come.

        ``rows`` (N): which row of the batch each belongs to; ``written`` (N, T): its tokens so far.
        """
        position = written.shape[1]
        allowed = log_probabilities.clone()
        if self.banned:
            allowed[:, list(self.banned)] = -torch.inf
        if position < self.min_length:
            allowed[:, self.end] = -torch.inf
        if self.reserved:
            self._ask_for_required(allowed, rows, written)
        if self.no_repeat_ngram:
            allowed = block_repeats(allowed, written, self.no_repeat_ngram, (self.end, *self.reserved))
        device, full = allowed.device, [position >= self.longest(row) for row in rows]
        if any(full):
            places = torch.tensor(full, device=device)
            ends = torch.full((sum(full),), self.end, device=device)
            allowed[places] = _only(log_probabilities[places], ends)
        if self.prefixes is not None:
            prefixes = [self.prefixes[row] for row in rows]
            following = [prefix[position] if position < len(prefix) else -1 for prefix in prefixes]
            symbols = torch.tensor(following, device=device)
            inside = symbols >= 0
            allowed[inside] = _only(log_probabilities[inside], symbols[inside])
        return allowed

    def _ask_for_required(self, allowed: Tensor, rows: Sequence[int], written: Tensor) -> None:
        """Bans reserved symbols that are not required any more, the end while some are missing, and all other symbols
        once there is only just room for the missing ones."""
        device = allowed.device
        reserved = torch.tensor(self.reserved, device=device)
        if self.required is None or not (required := self._required_counts[torch.tensor(rows)].to(device)).any():
            allowed[:, reserved] = -torch.inf
            return
        missing = required - (written.unsqueeze(2) == reserved).sum(1)
        total_missing = missing.clamp(min=0).sum(1)
        room = torch.tensor([self.longest(row) for row in rows], device=device) - written.shape[1]
        allowed[:, reserved] = allowed[:, reserved].masked_fill(missing <= 0, -torch.inf)
        allowed[:, self.end] = allowed[:, self.end].masked_fill(total_missing > 0, -torch.inf)
        urgent = (total_missing > 0) & (total_missing >= room)
        if urgent.any():
            free = torch.ones(allowed.shape[1], dtype=torch.bool, device=device).index_fill_(0, reserved, False)
            allowed.masked_fill_(urgent.unsqueeze(1) & free, -torch.inf)

    @cached_property
    def _required_counts(self) -> Tensor:
        """How often each row of the batch must write each of the reserved symbols."""
        return torch.tensor([[symbols.count(symbol) for symbol in self.reserved] for symbols in self.required or ()])


def _only(values: Tensor, symbols: Tensor) -> Tensor:
    """Values (N, V) with -inf at all but one symbol of each row."""
    places = symbols.unsqueeze(1)
    return torch.full_like(values, -torch.inf).scatter(1, places, values.gather(1, places))
