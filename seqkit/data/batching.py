"""Batches of sequences of like length."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_POOL = 50
"""Batches that are sorted by length together: few enough that the order of an epoch stays random."""


def token_batches(
    lengths: Sequence[int], max_tokens: int, max_batch: int, generator: torch.Generator | None = None
) -> list[list[int]]:
    """Indices in groups of at most ``max_batch``, each holding at most ``max_tokens`` tokens, padding included.

    An example longer than that stands alone. With a generator, order and grouping are random but lengths in a group
    are close; without, all are sorted by length.
    """
    size = torch.as_tensor(lengths, dtype=torch.int64)
    if generator is None:
        return _pack(torch.sort(size, stable=True).indices.tolist(), lengths, max_tokens, max_batch)
    order = torch.randperm(len(size), generator=generator)
    mean = max(1, int(size.sum()) // max(1, len(size)))
    pool = _POOL * max(1, min(max_batch, max_tokens // mean))
    batches: list[list[int]] = []
    for part in order.split(pool):
        part = part[torch.sort(size[part], stable=True).indices]
        batches += _pack(part.tolist(), lengths, max_tokens, max_batch)
    return [batches[number] for number in torch.randperm(len(batches), generator=generator).tolist()]


def pad(rows: Sequence[Sequence[int] | Tensor], value: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of different length as tokens (B, T) filled up with ``value``, and lengths (B); T is at least 1."""
    # The length of a tensor is quicker asked in this way, which shows where texts are short.
    sizes = [row.numel() if isinstance(row, Tensor) else len(row) for row in rows]
    lengths, longest = torch.tensor(sizes, dtype=torch.int64), max(1, max(sizes, default=1))
    tokens = torch.full((len(rows), longest), value, dtype=torch.int64)
    # All at once: a batch of words spelled out has a thousand rows.
    inside = torch.arange(longest) < lengths.unsqueeze(1)
    if rows and isinstance(rows[0], Tensor):
        tokens[inside] = torch.cat(list(rows)).to(torch.int64)  # type: ignore[arg-type]
    else:
        tokens[inside] = torch.tensor([number for row in rows for number in row], dtype=torch.int64)
    return tokens, lengths


def _pack(order: list[int], lengths: Sequence[int], max_tokens: int, max_batch: int) -> list[list[int]]:
    batches: list[list[int]] = []
    longest = 0
    for number in order:
        longest = max(1, longest, lengths[number])  # pad gives even an empty row one step
        if batches and len(batches[-1]) < max_batch and (len(batches[-1]) + 1) * longest <= max_tokens:
            batches[-1].append(number)
        else:
            batches.append([number])
            longest = lengths[number]
    return batches
