"""A language model in the directions of an encoder, which the encoder then starts from.

B batch, T steps, N predicted tokens, H hidden units, E embedding size, V symbols.
"""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqkit.layers import Encoder, Head, Loss, Recurrent
from seqkit.layers.encoder import locked_dropout
from seqkit.layers.losses import linear_cross_entropy
from seqkit.lengths import sequence_mask


class Reading(NamedTuple):
    """What the encoder's embedding is called with, the token of each step (B, T), and lengths (B)."""

    inputs: Any
    tokens: Tensor
    lengths: Tensor


class PretrainingHead(Head):
    """``softmax(W P h_t + b)`` over the token after step t, and with the backward direction over the one before it.

    Both directions share the vectors that they read, and W, which is these vectors, too; each has its own P (E, H). An
    encoder of several layers in both directions lends its first layer only: a second one has seen the whole text.

    In training the softmax is over the batch's own targets and some of the other symbols, drawn for each batch,
    whose share of the sum is scaled up to that of all of them: its expectation is that of the full softmax.

    Args:
        encoder: its embedding and recurrent weights are copied; :meth:`give` copies them back.
        dropout: locked, on vectors and outputs.
        sampled: symbols that are drawn.
        padding: its number.

    Source: Peters et al., 2018 (arXiv:1802.05365), for what the directions share; Bengio and Senécal, 2003, for
    importance sampling.
    """

    def __init__(self, encoder: Encoder, dropout: float = 0.0, sampled: int = 2000, padding: int = 0) -> None:
        super().__init__()
        self.dropout, self.sampled, self.padding = dropout, sampled, padding
        self.embedding = copy.deepcopy(encoder.embedding)
        source = encoder.recurrent
        layers = 1 if source.bidirectional else source.num_layers
        sizes = source.input_size, source.hidden_size, layers, source.bidirectional, dropout
        residual = source.residual and layers > 1
        shared: dict[str, Any] = {"kernel": source.kernel, "precision": source.precision}
        self.recurrent = Recurrent(source.cell, *sizes, residual=residual, **shared)
        for own, other in zip(self.recurrent.layers, source.layers, strict=False):
            own.load_state_dict(other.state_dict())
        vectors = self._vectors()
        self.narrow = nn.ModuleList(
            nn.Linear(source.hidden_size, vectors.shape[1], bias=False) for _ in range(source.num_directions)
        )
        self.bias = nn.Parameter(torch.zeros(len(vectors)))

    @torch.no_grad()
    def give(self, encoder: Encoder) -> None:
        """Puts what was learned into the encoder; padding keeps the vector 0."""
        vectors = self._vectors()
        # As an output it has learned to be unlikely.
        vectors[self.padding].zero_()
        encoder.embedding.load_state_dict(self.embedding.state_dict())
        for own, other in zip(self.recurrent.layers, encoder.recurrent.layers, strict=False):
            other.load_state_dict(own.state_dict())

    def loss(self, batch: Reading) -> Loss:
        """Cross-entropy in nats, summed over the tokens that each direction predicts."""
        features, targets, _ = self._predicted(batch)
        weight: Tensor = self._vectors()
        bias: Tensor = self.bias
        if self.training:
            targets, symbols, log_shares = self._candidates(targets)
            weight, bias = weight[symbols], bias[symbols] + log_shares
        total = linear_cross_entropy(features, weight, bias, targets, precision=self.recurrent.precision)
        return Loss(total, len(targets))

    @torch.no_grad()
    def predict(self, batch: Reading) -> list[tuple[float, int]]:
        """For each text, what its tokens cost in nats, with the full softmax, and how many were predicted."""
        features, targets, rows = self._predicted(batch)
        counts = torch.bincount(rows, minlength=len(batch.lengths)).tolist()
        order = rows.argsort(stable=True)
        pieces = zip(features[order].split(counts), targets[order].split(counts), counts, strict=True)
        vectors = self._vectors()
        return [(linear_cross_entropy(f, vectors, self.bias, t).item() if n else 0.0, n) for f, t, n in pieces]

    def _vectors(self) -> Tensor:
        """Those of the symbols (V, E); an embedding of words may read more than these."""
        module = getattr(self.embedding, "words", self.embedding)
        assert isinstance(module, nn.Embedding)
        return module.weight

    def _predicted(self, batch: Reading) -> tuple[Tensor, Tensor, Tensor]:
        """Features (N, E) of all steps with something to predict, in each direction, the targets (N) and rows (N)."""
        vectors = locked_dropout(self.embedding(batch.inputs), self.dropout, self.training)
        outputs = locked_dropout(self.recurrent(vectors, batch.lengths)[0], self.dropout, self.training)
        inside = sequence_mask(batch.lengths - 1, batch.tokens.shape[1] - 1)
        before, after = batch.tokens[:, :-1][inside], batch.tokens[:, 1:][inside]
        rows = inside.nonzero()[:, 0]
        ways = outputs.split(self.recurrent.hidden_size, 2)
        steps = (ways[0][:, :-1], after), *((way[:, 1:], before) for way in ways[1:])
        features = [narrow(way[inside]) for narrow, (way, _) in zip(self.narrow, steps, strict=True)]
        return torch.cat(features), torch.cat([targets for _, targets in steps]), rows.repeat(len(ways))

    def _candidates(self, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Targets as places among candidates, these symbols, and what to add to their logits."""
        present, places = targets.unique(return_inverse=True)
        absent = torch.ones(len(self.bias), dtype=torch.bool, device=targets.device)
        absent[present] = False
        rest = absent.nonzero().flatten()
        drawn = rest[torch.randperm(len(rest))[: self.sampled].to(rest.device)]
        log_share = math.log(len(rest) / len(drawn)) if len(drawn) else 0.0
        log_shares = self.bias.new_zeros(len(present) + len(drawn))
        log_shares[len(present) :] = log_share
        return places, torch.cat([present, drawn]), log_shares
