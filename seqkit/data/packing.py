"""Which sequences go into a batch together."""

from __future__ import annotations

from collections.abc import Sequence


def pack(order: Sequence[int], lengths: Sequence[int], max_tokens: int, max_batch: int) -> list[list[int]]:
    """The numbers of an order in batches of at most ``max_batch``, of at most ``max_tokens`` with padding each."""
    batches: list[list[int]] = []
    longest = 0
    for number in order:
        longest = max(1, longest, lengths[number])  # padding gives even an empty row one step
        if batches and len(batches[-1]) < max_batch and (len(batches[-1]) + 1) * longest <= max_tokens:
            batches[-1].append(number)
        else:
            batches.append([number])
            longest = lengths[number]
    return batches
