"""Tokens to vectors: embedding, recurrent layer, pooling.

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
    """What an encoder makes of a batch."""

    outputs: Tensor
    """(B, T, F), 0 at padding"""
    pooled: Tensor
    """(B, n·F) for n ways of pooling"""
    state: State
    lengths: Tensor


class Encoder(nn.Module):
    """An embedding, a recurrent layer over it, and a pooling of its outputs.

    Args:
        vocab_size: number of symbols; symbol ``pad`` has the vector 0 and does not learn.
        embedding_size: E.
        cell, hidden_size, num_layers, bidirectional, kernel, precision, cell_options: as in :class:`Recurrent`.
        pooling: as in :class:`Pooling`.
        dropout: between layers, and locked (see :func:`locked_dropout`) on the outputs.
        embedding_dropout: locked, on the token vectors.
        word_dropout: probability of leaving a token out altogether (its vector is 0), while training.
        vectors: initial embedding (V, E), as from :func:`seqkit.data.vectors.read_vectors`.

    Raises:
        UsageError: for sizes that do not fit, and unknown cells and poolings.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int = 128,
        *,
        cell: str | type[Cell] | Cell = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        pooling: str = "mean+max",
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        word_dropout: float = 0.0,
        vectors: Tensor | None = None,
        pad: int = 0,
        kernel: str | None = None,
        precision: str = "f32",
        **cell_options: Any,
    ) -> None:
        super().__init__()
        for name, size in (("vocab_size", vocab_size), ("embedding_size", embedding_size)):
            if size < 1:
                raise UsageError(f"{name} must be at least 1, not {size}")
        if vectors is not None and vectors.shape != (vocab_size, embedding_size):
            raise UsageError(f"vectors must be ({vocab_size}, {embedding_size}), not {tuple(vectors.shape)}")
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=pad)
        self.recurrent = Recurrent(
            cell,
            embedding_size,
            hidden_size,
            num_layers,
            bidirectional,
            dropout,
            kernel=kernel,
            precision=precision,
            **cell_options,
        )
        self.pooling = Pooling(pooling, self.recurrent.output_size)
        self.dropout, self.embedding_dropout, self.word_dropout = dropout, embedding_dropout, word_dropout
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[pad].zero_()
        if vectors is not None:
            self.start_embedding(vectors)

    @torch.no_grad()
    def start_embedding(self, vectors: Tensor) -> None:
        """Words that have a vector in (V, E) take it; those with 0 keep theirs, drawn with deviation 0.1."""
        given = vectors.abs().sum(1, keepdim=True) > 0
        self.embedding.weight.copy_(torch.where(given, vectors, self.embedding.weight))

    @property
    def output_size(self) -> int:
        """The size of the pooled vector."""
        return self.pooling.output_size

    def forward(self, tokens: Tensor, lengths: Tensor, state: State | None = None) -> Encoded:
        """Tokens (B, T) of int64 and lengths (B) to :class:`Encoded`."""
        vectors = locked_dropout(self.embedding(tokens), self.embedding_dropout, self.training)
        if self.training and self.word_dropout:
            kept = torch.rand(tokens.shape, device=tokens.device) >= self.word_dropout
            vectors = vectors * kept.unsqueeze(2)
        outputs, state = self.recurrent(vectors, lengths, state)
        outputs = locked_dropout(outputs, self.dropout, self.training)
        final = state.h[:, -self.recurrent.num_directions :].flatten(1)
        return Encoded(outputs, self.pooling(outputs, final, lengths), state, lengths)


def locked_dropout(x: Tensor, probability: float, training: bool) -> Tensor:
    """Dropout that zeroes the same features at every step of a sequence, x (B, T, F).

    It regularises a recurrent layer better than a new draw for each step, and draws T times fewer numbers.

    Source: Gal and Ghahramani, 2016 (arXiv:1512.05287).
    """
    if not training or probability == 0:
        return x
    return x * dropout(x.new_ones(x.shape[0], 1, x.shape[2]), probability)
