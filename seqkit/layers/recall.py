"""Attention of a sequence over its own past: a language model can repeat what followed a similar moment before.

B batch, T steps, H hidden units, E embedding size, A size in which steps are compared, M steps of the past.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqkit.errors import UsageError
from seqkit.layers.losses import multiplies_bf16

_PIECE = 256
"""Steps that look back at a time, so that memory does not grow with the square of the sequence."""


class Past(NamedTuple):
    """What can be looked back on: at most ``window`` steps."""

    outputs: Tensor
    """(B, M + 1, H): those of the recurrent layer while training, beginning with the step before the first"""
    keys_and_values: Tensor
    """(B, M + 1, 2 A): what was made of the outputs"""
    vectors: Tensor
    """(B, M, E): those of the tokens"""

    def select(self, index: Tensor) -> Past:
        """The rows of the batch at ``index`` (N)."""
        return Past(*(tensor.index_select(0, index) for tensor in self))

    def detach(self) -> Past:
        """The same values, cut from the graph."""
        return Past(*(tensor.detach() for tensor in self))


class Recall(nn.Module):
    """Attention over the last ``window`` steps: what came after moments like this one.

    The key of a step j is made of the layer's output before token j was read, its value of the token and of the output
    after it, so that a name that begins as an earlier one did can end as it did:

    ``score_tj = (W_q h_t + b) · (W_k h_{j-1}) / sqrt(A)`` for t - window < j <= t,
    ``context_t = Σ_j softmax_j(score_t) [W_v h_j; e_j]``, ``features_t = tanh(W [h_t; context_t] + b)``

    with e the vectors of tokens and h_{-1} = 0. The layer keeps nothing between calls: the past is handed in and out.

    Args:
        hidden_size: H.
        embedding_size: E.
        window: how many steps it looks back on.
        size: A, of queries and keys.
        precision: "bf16": products in bfloat16, where the processor has it.

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
        weight = self.make.weight
        outputs = weight.new_zeros(batch_size, 1, self.make.in_features)
        return Past(outputs, self.make(outputs), weight.new_zeros(batch_size, 0, self.embedding_size))

    def forward(self, outputs: Tensor, vectors: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Outputs (B, T, H) of a layer that read vectors (B, T, E), to features (B, T, H) and the past after them.

        While training, keys and values of the past are computed again, so that their weights learn from the whole
        window.
        """
        bf16 = self.precision == "bf16" and multiplies_bf16(outputs.device)
        with torch.autocast(outputs.device.type, torch.bfloat16) if bf16 else nullcontext():
            features, past = self._forward(outputs, vectors, past)
        return features.to(outputs.dtype), past

    def weights(self, outputs: Tensor, past: Past) -> Tensor:
        """(B, T, M + T): how much each step of outputs (B, T, H) looks at each of the past, then at each of these."""
        keys = self._keys_and_values(outputs, past)[:, :-1, : self.size]
        weights = self._weigh(self._queries(outputs), keys, past.vectors.shape[1])
        return pad(weights, (keys.shape[1] - weights.shape[2], 0))

    def _queries(self, outputs: Tensor) -> Tensor:
        scaled: Tensor = self.query(outputs) / math.sqrt(self.size)
        return scaled

    def _keys_and_values(self, outputs: Tensor, past: Past) -> Tensor:
        """(B, M + T + 1, 2 A)."""
        before = self.make(past.outputs) if self.training else past.keys_and_values
        return torch.cat([before, self.make(outputs)], 1)

    def _forward(self, outputs: Tensor, vectors: Tensor, past: Past) -> tuple[Tensor, Past]:
        both = self._keys_and_values(outputs, past)
        read = torch.cat([past.vectors, vectors], 1)
        keys, values = both[:, :-1, : self.size], torch.cat([both[:, 1:, self.size :], read], 2)
        first, contexts = past.vectors.shape[1], []
        for queries in self._queries(outputs).split(_PIECE, 1):
            contexts.append(self._look_back(queries, keys, values, first))
            first += queries.shape[1]
        features = torch.tanh(self.mix(torch.cat([outputs, torch.cat(contexts, 1)], 2)))
        # Only training asks for the outputs again, and writing token by token is quicker without them.
        all_outputs = torch.cat([past.outputs, outputs], 1) if self.training else past.outputs
        last = self.window
        return features, Past(all_outputs[:, -last - 1 :], both[:, -last - 1 :], read[:, -last:])

    def _look_back(self, queries: Tensor, keys: Tensor, values: Tensor, first: int) -> Tensor:
        """Contexts (B, P, A + E) of queries (B, P, A), the first of which is at step ``first``."""
        weights = self._weigh(queries, keys, first)
        stop = first + queries.shape[1]
        return torch.bmm(weights, values[:, stop - weights.shape[2] : stop])

    def _weigh(self, queries: Tensor, keys: Tensor, first: int) -> Tensor:
        """(B, P, W): weights of the W steps up to that of the last query; those before are too old for every query."""
        start, stop = max(0, first - self.window + 1), first + queries.shape[1]
        steps = torch.arange(start, stop, device=queries.device)
        ages = steps[first - start :].unsqueeze(1) - steps
        scores = torch.bmm(queries, keys[:, start:stop].transpose(1, 2))
        return torch.softmax(scores.masked_fill((ages < 0) | (ages >= self.window), -torch.inf), 2)
