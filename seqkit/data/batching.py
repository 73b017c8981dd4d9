"""Batches of sequences of similar length.

B rows of a batch, T steps of the longest of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.data.packing import pack
from seqkit.lengths import sequence_mask

_POOL = 50
"""Batches that are sorted by length together. On 8,530 film reviews padding adds 3 % to the tokens; it would add 7 %
with 20, 110 % without sorting, and 0.8 % if all were sorted, but then every epoch would have the same batches."""


def token_batches(
    lengths: Sequence[int], max_tokens: int, max_batch: int, generator: torch.Generator | None = None
) -> list[list[int]]:
    """Indices in batches of at most ``max_batch``, each of at most ``max_tokens`` tokens, padding included.

    An example longer than that is a batch of its own. With a generator, order and batches are random, with similar
    lengths in a batch; without, all are sorted by length.
    """
    sizes = torch.as_tensor(lengths, dtype=torch.int64)
    if generator is None:
        return pack(torch.sort(sizes, stable=True).indices.tolist(), lengths, max_tokens, max_batch)
    order = torch.randperm(len(sizes), generator=generator)
    average = max(1, int(sizes.sum()) // max(1, len(sizes)))
    pool_size = _POOL * max(1, min(max_batch, max_tokens // average))
    batches: list[list[int]] = []
    for pool in order.split(pool_size):
        by_length = pool[torch.sort(sizes[pool], stable=True).indices]
        batches += pack(by_length.tolist(), lengths, max_tokens, max_batch)
    return [batches[number] for number in torch.randperm(len(batches), generator=generator).tolist()]


def pad(rows: Sequence[Sequence[int] | Tensor], value: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of different length as tokens (B, T) filled up with ``value``, and lengths (B); T is at least 1."""
    # numel() of a tensor takes 0.15 microseconds, len() 0.8, which shows in batches of short texts.
    sizes = [row.numel() if isinstance(row, Tensor) else len(row) for row in rows]
    lengths, longest = torch.tensor(sizes, dtype=torch.int64), max(1, max(sizes, default=1))
    tokens = torch.full((len(rows), longest), value, dtype=torch.int64)
    # All rows at once. A batch of words spelled out has a thousand rows: 0.7 ms instead of 8 ms row by row.
    inside = sequence_mask(lengths, longest)
    if rows and isinstance(rows[0], Tensor):
        numbers = torch.cat(list(rows)).to(torch.int64)  # type: ignore[arg-type]
    else:
        numbers = torch.tensor([number for row in rows for number in row], dtype=torch.int64)
    # Four times as fast as tokens[inside] = numbers.
    return tokens.masked_scatter_(inside, numbers), lengths
