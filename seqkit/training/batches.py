"""What a training step reads: examples of an epoch in batches, or chunks of one long sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from seqkit.config import TrainingConfig
from seqkit.data.batching import token_batches
from seqkit.errors import UsageError
from seqkit.layers import State


class Batches(Protocol):
    """The training data: which examples make a batch in an epoch, and the batch itself."""

    def plan(self, epoch: int) -> Sequence[Any]:
        """What each batch of an epoch is made of; the same at every call."""
        ...

    def batch(self, group: Any, carried: Mapping[str, Tensor] | None = None) -> Any:
        """The batch of one entry of the plan.

        ``carried`` is what the loss of the previous batch handed on; None at the start of an epoch.
        """
        ...


class Collator(Protocol):
    """What makes batches of items: a codec, for instance."""

    def length(self, item: Any) -> int:
        """How many steps an item takes."""
        ...

    def collate(self, items: Sequence[Any]) -> Any:
        """A batch of items."""
        ...


class EpochBatches:
    """Training items in batches by length; the order of an epoch follows from the seed and the epoch's number."""

    def __init__(self, collator: Collator, items: Sequence[Any], config: TrainingConfig) -> None:
        self.collator, self.items, self.config = collator, items, config
        self.lengths = [collator.length(item) for item in items]

    def plan(self, epoch: int) -> list[list[int]]:
        """See :class:`Batches`."""
        generator = epoch_generator(self.config.seed, epoch)
        return token_batches(self.lengths, self.config.batch_tokens, self.config.batch_size, generator)

    def batch(self, group: Sequence[int], carried: Mapping[str, Tensor] | None = None) -> Any:
        """See :class:`Batches`."""
        return self.collator.collate([self.items[number] for number in group])


class Chunk(NamedTuple):
    """Tokens (B, T), the token that follows each (B, T), and the state before the first."""

    tokens: Tensor
    targets: Tensor
    state: State | None = None


class Piece(NamedTuple):
    """Where a chunk is: its first token in the first stream, the distance between streams, and which of these."""

    start: int
    stream: int
    rows: range


class StreamBatches:
    """One long sequence as parallel streams, cut into chunks for truncated back-propagation.

    The sequence is cut into ``streams`` stretches of equal length, the rows of every batch; the chunks of an epoch
    cover them from left to right, and each starts from the state that the previous one handed on. Where an epoch
    begins is drawn from the seed, less than a chunk from the sequence's start, so that each epoch cuts elsewhere; less
    than a chunk of every stream is left out.

    Args:
        tokens: the sequence, (N) of whole numbers; may be a memory map.
        streams: B; fewer if the sequence is too short for a chunk of each.
        chunk: T, how many steps gradients go back at most.
        seed: decides where epochs begin.

    Raises:
        UsageError: for a sequence shorter than one chunk and the token after it.

    Source: Williams and Peng, 1990, Neural Computation 2(4).
    """

    def __init__(self, tokens: np.ndarray, streams: int, chunk: int, seed: int) -> None:
        if len(tokens) <= chunk:
            raise UsageError(
                f"the training text has {len(tokens):,} tokens, but one chunk needs {chunk + 1:,}; give more text or a "
                "smaller --chunk"
            )
        self.tokens, self.chunk, self.seed = tokens, chunk, seed
        self.streams = min(streams, (len(tokens) - 1) // chunk)

    def plan(self, epoch: int) -> list[Piece]:
        """See :class:`Batches`."""
        spare = len(self.tokens) - 1 - self.streams * self.chunk
        limit = min(self.chunk, spare + 1)
        first = int(torch.randint(limit, (), generator=epoch_generator(self.seed, epoch)))
        stream = (len(self.tokens) - 1 - first) // self.streams
        rows, starts = range(self.streams), range(0, stream - self.chunk + 1, self.chunk)
        return [Piece(first + start, stream, rows) for start in starts]

    def batch(self, group: Piece, carried: Mapping[str, Tensor] | None = None) -> Chunk:
        """See :class:`Batches`."""
        starts = [group.start + row * group.stream for row in group.rows]
        rows = np.stack([self.tokens[start : start + self.chunk + 1] for start in starts]).astype(np.int64)
        window = torch.from_numpy(rows)
        return Chunk(window[:, :-1], window[:, 1:], None if carried is None else State(carried))


def cut(group: Any, shards: int) -> list[Any]:
    """An entry of a plan in that many shards, None for those that have no example.

    Every ``shards``-th example is in the same shard: the examples of a batch are sorted by length, so that the work is
    divided equally.
    """
    if isinstance(group, Piece):
        pieces = [group._replace(rows=group.rows[number::shards]) for number in range(shards)]
        return [piece if piece.rows else None for piece in pieces]
    return [group[number::shards] or None for number in range(shards)]


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The generator for the order of an epoch: the same in every process."""
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)
