"""Attention of a sequence over its own past, which a language model may go on from as it went on before.

B batch, T steps, H hidden units, E embedding size, A size in which steps are compared, M steps of the past.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqkit.errors import UsageError
from seqkit.layers.losses import has_bf16

_PIECE = 256
"""Steps that look back at a time: what they hold does not grow with the square of the sequence."""


class Past(NamedTuple):
    """What may be looked back on: at most ``window`` steps."""

    outputs: Tensor
    """(B, M + 1, H), while training: those of the recurrent layer, from the step before the first place on"""
    made: Tensor
    """(B, M + 1, 2 A): keys and values that were made of them"""
    vectors: Tensor
    """(B, M, E): of the tokens"""

    def select(self, index: Tensor) -> Past:
        """The rows of the batch at ``index`` (N)."""
        return Past(*(tensor.index_select(0, index) for tensor in self))

    def detach(self) -> Past:
        """The same values, cut from the graph."""
        return Past(*(tensor.detach() for tensor in self))


class Recall(nn.Module):
    """What came, in the last ``window`` steps, after moments like this one.

    The key of a step j is of the layer's output before its token was read, its value of the token and of what the
    layer made of it, so that a name that begins as an earlier one did can end as it did:

    ``score_tj = (W_q h_t + b) · (W_k h_{j-1}) / sqrt(A)`` for t - window < j <= t,
    ``context_t = Σ_j softmax_j(score_t) [W_v h_j; e_j]``, ``features_t = tanh(W [h_t; context_t] + b)``

    with e the vectors of tokens and h_{-1} = 0. Nothing is kept between calls: the past is handed in and out.

    Args:
        hidden_size: H.
        embedding_size: E.
        window: steps that are looked back on.
        size: A.
        precision: "bf16": products are made in bfloat16 where the processor has them.

    Raises:
        UsageError: for a window or a size below 1.

    Source: attention over a language model's past outputs, with keys apart from values, is Daniluk et al., 2017
    (arXiv:1702.04521); the key of the step before is that of the cache of Grave, Joulin and Usunier, 2017
    (arXiv:1612.04426).
    """

    def __init__(
        self, hidden_size: int, embedding_size: int, window: int, size: int = 64, precision: str = "f32"
    ) -> None:
        super().__init__()
        if window < 1 or size < 1:
            raise UsageError(f"attention over the past needs a window and a size of at least 1, not {window}, {size}")
        self.window, self.size, self.embedding_size, self.precision = window, size, embedding_size, precision
        self.query = nn.Linear(hidden_size, size)
        self.make = nn.Linear(hidden_size, 2 * size, bias=False)
        self.mix = nn.Linear(hidden_size + size + embedding_size, hidden_size)

    def start(self, batch_size: int) -> Past:
        """The past of a sequence that begins."""
        some = self.make.weight
        outputs = some.new_zeros(batch_size, 1, self.make.in_features)
        return Past(outputs, self.make(outputs), some.new_zeros(batch_size, 0, self.embedding_size))

    def forward(self, outputs: Tensor, vectors: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Outputs (B, T, H) of a layer that read vectors (B, T, E), to features (B, T, H) and the past after them.

        While training, keys and values of the past are made anew, so that their weights learn from the whole window.
        """
        bf16 = self.precision == "bf16" and has_bf16(outputs.device)
        with torch.autocast(outputs.device.type, torch.bfloat16, enabled=bf16):
            features, past = self._forward(outputs, vectors, past)
        return features.to(outputs.dtype), past

    def weights(self, outputs: Tensor, past: Past) -> Tensor:
        """(B, T, M + T): how much each step of outputs (B, T, H) looks back on each of the past, then of these."""
        queries, keys = self.query(outputs) / math.sqrt(self.size), self._made(outputs, past)[:, :-1, : self.size]
        found = self._weigh(queries, keys, past.vectors.shape[1])
        return pad(found, (keys.shape[1] - found.shape[2], 0))

    def _made(self, outputs: Tensor, past: Past) -> Tensor:
        """Keys and values (B, M + T + 1, 2 A)."""
        return torch.cat([self.make(past.outputs) if self.training else past.made, self.make(outputs)], 1)

    def _forward(self, outputs: Tensor, vectors: Tensor, past: Past) -> tuple[Tensor, Past]:
        made = self._made(outputs, past)
        read = torch.cat([past.vectors, vectors], 1)
        keys, values = made[:, :-1, : self.size], torch.cat([made[:, 1:, self.size :], read], 2)
        first, pieces = past.vectors.shape[1], []
        for queries in (self.query(outputs) / math.sqrt(self.size)).split(_PIECE, 1):
            pieces.append(self._look_back(queries, keys, values, first))
            first += queries.shape[1]
        features = torch.tanh(self.mix(torch.cat([outputs, torch.cat(pieces, 1)], 2)))
        kept = self.window
        # Nothing but training asks for the outputs again, and to write token by token is quicker without them.
        every = torch.cat([past.outputs, outputs], 1) if self.training else past.outputs
        return features, Past(every[:, -kept - 1 :], made[:, -kept - 1 :], read[:, -kept:])

    def _look_back(self, queries: Tensor, keys: Tensor, values: Tensor, first: int) -> Tensor:
        """Contexts (B, P, A + E) of queries (B, P, A), the first of which stands at the place ``first``."""
        weights = self._weigh(queries, keys, first)
        stop = first + queries.shape[1]
        return torch.bmm(weights, values[:, stop - weights.shape[2] : stop])

    def _weigh(self, queries: Tensor, keys: Tensor, first: int) -> Tensor:
        """(B, P, W): weights of the W places up to that of the last query, those before are too old for any."""
        start, stop = max(0, first - self.window + 1), first + queries.shape[1]
        places = torch.arange(start, stop, device=queries.device)
        ages = places[first - start :].unsqueeze(1) - places
        scores = torch.bmm(queries, keys[:, start:stop].transpose(1, 2))
        return torch.softmax(scores.masked_fill((ages < 0) | (ages >= self.window), -torch.inf), 2)
