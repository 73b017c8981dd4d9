"""From tokens, or any other steps, to vectors: embedding, recurrent layer, pooling.

B batch, T time, E embedding size, F = directions · hidden size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqkit.cells import Cell
from seqkit.errors import UsageError
from seqkit.layers.pooling import Pooling
from seqkit.layers.recurrent import Recurrent
from seqkit.layers.state import State


class Encoded(NamedTuple):
    """The outputs of an encoder for a batch."""

    outputs: Tensor
    """(B, T, F), 0 at padding"""
    pooled: Tensor
    """(B, n·F) for n ways of pooling; (B, 0) if nothing is pooled"""
    state: State
    lengths: Tensor
    """(B)"""
    vectors: Tensor | None = None
    """(B, T, E): what the recurrent layer has read"""


class Encoder(nn.Module):
    """An embedding, a recurrent layer over it, and a pooling of its outputs.

    Args:
        inputs: number of symbols; symbol ``pad`` has the vector 0 and does not learn. Or a module that turns whatever
            the encoder is called with into vectors (B, T, E): words with their characters, frames of a video.
        embedding_size: E.
        cell, hidden_size, num_layers, bidirectional, kernel, precision: as in :class:`Recurrent`.
        options: further ones of :class:`Recurrent`, such as ``zoneout``, and those of the cell.
        pooling: as in :class:`Pooling`; None: nothing is pooled.
        dropout: between layers, and locked (see :func:`locked_dropout`) on the outputs.
        embedding_dropout: locked, on the token vectors.
        word_dropout: probability of leaving out a whole token (its vector is 0), while training.
        vectors: initial embedding (V, E), as from :func:`seqkit.data.vectors.read_vectors`.

    Raises:
        UsageError: for sizes that do not fit, and unknown cells and poolings.
    """

    def __init__(
        self,
        inputs: int | nn.Module,
        embedding_size: int = 128,
        *,
        cell: str | type[Cell] | Cell = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        pooling: str | None = "mean+max",
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        word_dropout: float = 0.0,
        vectors: Tensor | None = None,
        pad: int = 0,
        kernel: str | None = None,
        precision: str = "f32",
        **options: Any,
    ) -> None:
        super().__init__()
        if embedding_size < 1:
            raise UsageError(f"embedding_size must be at least 1, not {embedding_size}")
        if isinstance(inputs, int) and inputs < 1:
            raise UsageError(f"an encoder needs at least 1 symbol to read, not {inputs}")
        self.embedding = nn.Embedding(inputs, embedding_size, pad) if isinstance(inputs, int) else inputs
        self.recurrent = Recurrent(
            cell,
            embedding_size,
            hidden_size,
            num_layers,
            bidirectional,
            dropout,
            kernel=kernel,
            precision=precision,
            **options,
        )
        self.pooling = None if pooling is None else Pooling(pooling, self.recurrent.output_size)
        self.dropout, self.embedding_dropout, self.word_dropout = dropout, embedding_dropout, word_dropout
        if isinstance(inputs, int):
            draw_embedding(self.embedding)
        if vectors is not None:
            self.start_embedding(vectors)

    def start_embedding(self, vectors: Tensor) -> None:
        """Starts the embedding from vectors; see :func:`start_embedding`."""
        start_embedding(self.embedding, vectors)

    @property
    def output_size(self) -> int:
        """The size of the pooled vector."""
        return 0 if self.pooling is None else self.pooling.output_size

    def forward(self, inputs: Any, lengths: Tensor, state: State | None = None) -> Encoded:
        """Inputs of the embedding, usually tokens (B, T) of int64, and lengths (B) to :class:`Encoded`."""
        vectors = locked_dropout(self.embedding(inputs), self.embedding_dropout, self.training)
        if self.training and self.word_dropout:
            stays = torch.rand(vectors.shape[:2], device=vectors.device) >= self.word_dropout
            vectors = vectors * stays.unsqueeze(2)
        outputs, state = self.recurrent(vectors, lengths, state)
        outputs = locked_dropout(outputs, self.dropout, self.training)
        if self.pooling is None:
            return Encoded(outputs, outputs.new_empty(outputs.shape[0], 0), state, lengths, vectors)
        final = state.h[:, -self.recurrent.num_directions :].flatten(1)
        return Encoded(outputs, self.pooling(outputs, final, lengths), state, lengths, vectors)

    def step(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One step of one direction, for streams: inputs (B, ...) to the output (B, F) and the next state.

        Equal to the call on whole sequences in evaluation. Raises :class:`UsageError` for two directions.
        """
        return self.recurrent.step(self.embedding(inputs.unsqueeze(1)).squeeze(1), state)


@torch.no_grad()
def draw_embedding(embedding: nn.Module) -> None:
    """New vectors with standard deviation 0.1, from torch's generator; padding keeps 0."""
    assert isinstance(embedding, nn.Embedding)
    nn.init.normal_(embedding.weight, std=0.1)
    if embedding.padding_idx is not None:
        embedding.weight[embedding.padding_idx].zero_()


@torch.no_grad()
def start_embedding(embedding: nn.Module, vectors: Tensor) -> None:
    """Copies vectors (V, E) into the embedding; symbols whose vector is 0 keep the one they have.

    Raises :class:`UsageError` for vectors of another shape.
    """
    if not isinstance(embedding, nn.Embedding) or vectors.shape != embedding.weight.shape:
        wanted = tuple(embedding.weight.shape) if isinstance(embedding, nn.Embedding) else "of symbols"
        raise UsageError(f"vectors must be {wanted}, not {tuple(vectors.shape)}")
    has_vector = vectors.abs().sum(1, keepdim=True) > 0
    embedding.weight.copy_(torch.where(has_vector, vectors, embedding.weight))


def locked_dropout(x: Tensor, probability: float, training: bool) -> Tensor:
    """Dropout that zeroes the same features at every step of a sequence, x (B, T, F).

    It regularises a recurrent layer better than a new draw at each step, and draws T times fewer numbers.

    Source: Gal and Ghahramani, 2016 (arXiv:1512.05287).
    """
    if not training or probability == 0:
        return x
    return x * dropout(x.new_ones(x.shape[0], 1, x.shape[2]), probability)
