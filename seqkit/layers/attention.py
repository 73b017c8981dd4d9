"""Attention over an explicit memory: which of its places matter to a query.

B batch, S places of the memory, F features of each, Q size of a query, A size in which they are compared.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError, unknown
from seqkit.kernels.base import sequence_mask

ATTENTIONS = ("additive", "dot", "general", "scaled")


class Memory(NamedTuple):
    """What is attended to; keys are projected once, when the memory is made."""

    values: Tensor
    """(B, S, F)"""
    keys: Tensor
    """(B, S, A)"""
    mask: Tensor
    """(B, S) of bool: True at real places"""

    def select(self, index: Tensor) -> Memory:
        """The rows of the batch at ``index`` (N)."""
        return Memory(*(tensor.index_select(0, index) for tensor in self))


class Attended(NamedTuple):
    """What a query finds."""

    context: Tensor
    """(B, F): the weighted mean of the memory's values"""
    weights: Tensor
    """(B, S): they sum to 1, and are exactly 0 at padding"""


class Attention(nn.Module):
    """Scores each place of a memory against a query; ``weights = softmax(scores)``, ``context = Σ weights · values``.

    With q the query and m the value of a place:

    - ``additive``: ``v · tanh(W_q q + W_k m)`` (Bahdanau, Cho and Bengio, 2015, arXiv:1409.0473)
    - ``dot``: ``q · m``; ``general``: ``q · W m`` (Luong, Pham and Manning, 2015, arXiv:1508.04025)
    - ``scaled``: ``q · m / sqrt(Q)`` (Vaswani et al., 2017, arXiv:1706.03762)

    With ``coverage``, the sum of the weights that a place has had so far takes part in its score, as ``w · coverage``
    inside the tanh of ``additive``, and as a learned multiple elsewhere (Tu et al., 2016, arXiv:1601.04811).
    Nothing is kept between calls: the memory and the coverage are handed in.

    Args:
        kind: one of the above.
        query_size: Q.
        memory_size: F; must equal Q for ``dot`` and ``scaled``.
        attention_size: A, of ``additive`` alone; None: Q.

    Raises:
        UsageError: for an unknown kind and sizes that do not fit.
    """

    def __init__(
        self, kind: str, query_size: int, memory_size: int, attention_size: int | None = None, coverage: bool = False
    ) -> None:
        super().__init__()
        if kind not in ATTENTIONS:
            raise unknown("attention", kind, ATTENTIONS)
        if kind in ("dot", "scaled") and query_size != memory_size:
            raise UsageError(
                f"attention '{kind}' needs queries and memory of one size, not {query_size} and {memory_size}; "
                "use 'general' or 'additive'"
            )
        if attention_size is not None and kind != "additive":
            raise UsageError(f"attention_size is for 'additive', not for '{kind}'")
        size = attention_size or query_size
        self.kind, self.query_size = kind, query_size
        self.key = nn.Linear(memory_size, size, bias=False) if kind in ("additive", "general") else nn.Identity()
        if kind == "additive":
            self.query = nn.Linear(query_size, size)
            self.score = nn.Linear(size, 1, bias=False)
        self.covered = nn.Parameter(torch.zeros(size if kind == "additive" else 1)) if coverage else None

    def memory(self, values: Tensor, lengths: Tensor) -> Memory:
        """A memory of values (B, S, F) with lengths (B)."""
        return Memory(values, self.key(values), sequence_mask(lengths, values.shape[1]))

    def forward(self, query: Tensor, memory: Memory, coverage: Tensor | None = None) -> Attended:
        """A query (B, Q), and with coverage the sum of the weights so far (B, S), to :class:`Attended`."""
        scores = self._scores(query, memory.keys, coverage).masked_fill(~memory.mask, -torch.inf)
        # A memory of length 0 has no place to look at: its weights are 0, and so is its context.
        some = memory.mask.any(1, keepdim=True)
        weights = torch.softmax(scores.masked_fill(~some, 0.0), 1).masked_fill(~memory.mask, 0.0)
        return Attended(torch.bmm(weights.unsqueeze(1), memory.values).squeeze(1), weights)

    def all_steps(self, queries: Tensor, memory: Memory) -> Attended:
        """Queries (B, T, Q) at once, for a decoder that does not need the one answer for the next question.

        Contexts (B, T, F) and weights (B, T, S). Raises :class:`UsageError` with coverage, which is such a need.
        """
        if self.covered is not None:
            raise UsageError("attention with coverage goes step by step; call it with one query at a time")
        if self.kind == "additive":
            mixed = torch.tanh(self.query(queries).unsqueeze(2) + memory.keys.unsqueeze(1))
            scores = self.score(mixed).squeeze(3)
        else:
            scores = torch.bmm(queries, memory.keys.transpose(1, 2)) * self._scale(queries.shape[2])
        mask = memory.mask.unsqueeze(1)
        some = mask.any(2, keepdim=True)
        scores = scores.masked_fill(~mask, -torch.inf).masked_fill(~some, 0.0)
        weights = torch.softmax(scores, 2).masked_fill(~mask, 0.0)
        return Attended(torch.bmm(weights, memory.values), weights)

    def _scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None) -> Tensor:
        if (self.covered is None) != (coverage is None):
            raise UsageError("coverage must be given to an attention with coverage, and to no other")
        extra = 0 if coverage is None or self.covered is None else coverage.unsqueeze(2) * self.covered
        if self.kind == "additive":
            scores: Tensor = self.score(torch.tanh(self.query(query).unsqueeze(1) + keys + extra)).squeeze(2)
            return scores
        scores = torch.bmm(keys, query.unsqueeze(2)).squeeze(2) * self._scale(query.shape[1])
        return scores + extra.squeeze(2) if isinstance(extra, Tensor) else scores

    def _scale(self, size: int) -> float:
        return size**-0.5 if self.kind == "scaled" else 1.0
