"""The head that labels whole sequences.

B batch, T time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

from seqkit.layers import Encoder, Head, Loss
from seqkit.layers.head import require_targets
from seqkit.topologies.classification import Classified
from seqkit.topologies.many_to_one.codec import TextBatch
from seqkit.topologies.many_to_one.ngrams import NgramPrior


class ClassificationHead(Head):
    """Many to one: ``softmax(W pooled + b + prior)`` over the labels, on the pooled outputs of an encoder.

    Args:
        encoder: reads tokens; its outputs are pooled.
        labels: their names, in the order of the outputs.
        dropout: on the pooled vector.
        prior: what n-grams say of the label, see :class:`NgramPrior`; None: nothing.
    """

    def __init__(
        self, encoder: Encoder, labels: Sequence[str], dropout: float = 0.0, prior: NgramPrior | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.labels, self.dropout = encoder, tuple(labels), dropout
        self.output = nn.Linear(encoder.output_size, len(self.labels))
        self.prior = prior

    def forward(self, batch: TextBatch) -> Tensor:
        """Logits (B, labels)."""
        pooled = self.encoder(batch.tokens, batch.lengths).pooled
        logits: Tensor = self.output(dropout(pooled, self.dropout, self.training))
        if self.prior is None or batch.ngrams is None:
            return logits
        return logits + self.prior(batch.ngrams, batch.targets if self.training else None)

    def loss(self, batch: TextBatch) -> Loss:
        """Cross-entropy, in nats."""
        targets = require_targets(batch.targets)
        return Loss(cross_entropy(self(batch), targets, reduction="sum"), len(targets))

    @torch.no_grad()
    def predict(self, batch: TextBatch) -> list[Classified]:
        """The labels with their probabilities."""
        return [Classified.of(self.labels, row) for row in torch.softmax(self(batch), 1).tolist()]
