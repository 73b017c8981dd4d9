"""Attention over an explicit memory: how much each of its places matters to a query.

B batch, S places of the memory, F features of each, Q size of a query, A size in which they are compared.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError, unknown
from seqkit.lengths import sequence_mask

ATTENTIONS = ("additive", "dot", "general", "scaled")


class Memory(NamedTuple):
    """What is attended to; keys are projected once, when the memory is made.

    Each row serves ``group`` queries, one after the other, such as the hypotheses of a sentence: a beam search does not
    copy it for every one of them.
    """

    values: Tensor
    """(B, S, F)"""
    keys: Tensor
    """(B, S, A)"""
    mask: Tensor
    """(B, S) of bool: True at real places"""
    group: int = 1
    """Queries of a row: N = B · group"""

    def select(self, index: Tensor) -> Memory:
        """The memory of the queries at ``index`` (N)."""
        rows = index // self.group
        group = _repeats(rows)
        chosen = rows[::group]
        if len(chosen) == len(self.mask) and torch.equal(chosen, torch.arange(len(chosen), device=chosen.device)):
            return self._replace(group=group)
        values, keys, mask = (tensor.index_select(0, chosen) for tensor in self[:3])
        return Memory(values, keys, mask, group)


def _repeats(rows: Tensor) -> int:
    """How many times in succession each number comes, where that is the same for all of them; else 1."""
    if len(rows) == 0:
        return 1
    other = (rows != rows[0]).nonzero()
    length = int(other[0]) if len(other) else len(rows)
    if len(rows) % length or not (rows.view(-1, length) == rows[::length].unsqueeze(1)).all():
        return 1
    return length


class Attended(NamedTuple):
    """The answer to a query."""

    context: Tensor
    """(N, F): the weighted mean of the memory's values"""
    weights: Tensor
    """(N, S): they sum to 1, and are exactly 0 at padding"""


class Attention(nn.Module):
    """Scores each place of a memory against a query; ``weights = softmax(scores)``, ``context = Σ weights · values``.

    With q the query and m the value of a place:

    - ``additive``: ``v · tanh(W_q q + W_k m)`` (Bahdanau, Cho and Bengio, 2015, arXiv:1409.0473)
    - ``dot``: ``q · m``; ``general``: ``q · W m`` (Luong, Pham and Manning, 2015, arXiv:1508.04025)
    - ``scaled``: ``q · m / sqrt(Q)`` (Vaswani et al., 2017, arXiv:1706.03762)

    With ``coverage``, the sum of the weights that a place has had so far enters its score: as ``w · coverage`` inside
    the tanh of ``additive``, and as a learned multiple elsewhere (Tu et al., 2016, arXiv:1601.04811). Nothing is kept
    between calls: the memory and the coverage are handed in.

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
        """A query (N, Q), and with coverage the sum of the weights so far (N, S), to :class:`Attended`.

        Raises :class:`UsageError` where coverage is missing, or not learned.
        """
        if (self.covered is None) != (coverage is None):
            raise UsageError("coverage must be given to an attention with coverage, and to no other")
        context, weights = self._attend(query.unsqueeze(1), memory, None if coverage is None else coverage.unsqueeze(1))
        return Attended(context.squeeze(1), weights.squeeze(1))

    def all_steps(self, queries: Tensor, memory: Memory) -> Attended:
        """Queries (N, T, Q) at once, for a decoder whose next query does not depend on the answer to the last.

        Contexts (N, T, F) and weights (N, T, S). Raises :class:`UsageError` with coverage, which does depend on it.
        """
        if self.covered is not None:
            raise UsageError("attention with coverage goes step by step; call it with one query at a time")
        return self._attend(queries, memory, None)

    def _attend(self, queries: Tensor, memory: Memory, coverage: Tensor | None) -> Attended:
        """Queries (N, T, Q) and coverage (N, T, S); the queries of a group share a row of the memory in one product."""
        steps = queries.shape[1]
        grouped = (-1, memory.group * steps)
        queries = queries.flatten(0, 1).unflatten(0, grouped)
        coverage = None if coverage is None else coverage.flatten(0, 1).unflatten(0, grouped)
        mask = memory.mask.unsqueeze(1)
        # A memory of length 0 has no place to attend to: its weights are 0, and so is its context.
        some = mask.any(2, keepdim=True)
        scores = self._scores(queries, memory.keys, coverage).masked_fill(~mask, -torch.inf).masked_fill(~some, 0.0)
        weights = torch.softmax(scores, 2).masked_fill(~mask, 0.0)
        separate = (-1, steps)
        context = torch.bmm(weights, memory.values).flatten(0, 1).unflatten(0, separate)
        return Attended(context, weights.flatten(0, 1).unflatten(0, separate))

    def _scores(self, queries: Tensor, keys: Tensor, coverage: Tensor | None) -> Tensor:
        extra = 0 if coverage is None or self.covered is None else coverage.unsqueeze(3) * self.covered
        if self.kind == "additive":
            mixed = torch.tanh(self.query(queries).unsqueeze(2) + keys.unsqueeze(1) + extra)
            scores: Tensor = self.score(mixed).squeeze(3)
            return scores
        scores = torch.bmm(queries, keys.transpose(1, 2)) * self._scale(queries.shape[2])
        return scores + extra.squeeze(3) if isinstance(extra, Tensor) else scores

    def _scale(self, size: int) -> float:
        return size**-0.5 if self.kind == "scaled" else 1.0
