"""What the heads share that say something of a whole text: an encoder, pooled, and one layer of outputs.

B batch, P values of the pooled vector, K outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqkit.layers import Encoder, Head
from seqkit.topologies.many_to_one.prior import GramPrior
from seqkit.topologies.many_to_one.texts import TextBatch


class TextHead(Head):
    """``W pooled + b + prior``, on the pooled outputs of an encoder.

    Of two texts with pooled vectors u and v, which one encoder reads, ``W [u; v; |u - v|; u * v] + b + prior``.

    Args:
        encoder: reads tokens; its outputs are pooled.
        outputs: K.
        dropout: on the pooled vector.
        prior: what n-grams say; None: nothing.
        pairs: whether an input is two texts.

    Source: of the features of two texts, Conneau et al., 2017 (arXiv:1705.02364).
    """

    def __init__(
        self, encoder: Encoder, outputs: int, dropout: float = 0.0, prior: GramPrior | None = None, pairs: bool = False
    ) -> None:
        super().__init__()
        self.encoder, self.dropout, self.pairs = encoder, dropout, pairs
        self.output = nn.Linear((4 if pairs else 1) * encoder.output_size, outputs)
        self.prior: GramPrior | None = prior

    def forward(self, batch: TextBatch) -> Tensor:
        """Outputs (B, K)."""
        return self.outputs(self.encoder(batch.tokens, batch.lengths).pooled, batch)

    def outputs(self, pooled: Tensor, batch: TextBatch) -> Tensor:
        """Outputs (B, K) from pooled vectors (B, P); of pairs (2B, P), those of first texts before those of second."""
        features = pair_features(*pooled.chunk(2)) if self.pairs else pooled
        outputs: Tensor = self.output(dropout(features, self.dropout, self.training))
        if self.prior is None or batch.ngrams is None:
            return outputs
        prior: Tensor = self.prior(batch.ngrams, batch.targets if self.training else None)
        return outputs + prior

    def untune(self) -> None:
        """Takes back what an earlier tuning on the validation split changed in predictions that tuning starts from."""

    def read_apart(self, batch: TextBatch) -> Tensor:
        """:meth:`forward` with each row read by a call of its own, so that each text of a pair can be looked into."""
        calls = [self.encoder(batch.tokens[n : n + 1, :size], size.view(1)) for n, size in enumerate(batch.lengths)]
        return self.outputs(torch.cat([call.pooled for call in calls]), batch)


def pair_features(u: Tensor, v: Tensor) -> Tensor:
    """``[u; v; |u - v|; u * v]``, (B, 4P) from two (B, P)."""
    return torch.cat([u, v, (u - v).abs(), u * v], 1)
