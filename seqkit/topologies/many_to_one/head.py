"""The head that labels whole sequences.

B batch, T time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqkit.layers import Encoder, Head, Loss
from seqkit.layers.head import require_targets
from seqkit.layers.label_loss import label_loss
from seqkit.topologies.class_weights import class_weight_tensor
from seqkit.topologies.classification import Classified
from seqkit.topologies.many_to_one.codec import TextBatch
from seqkit.topologies.many_to_one.ngrams import NgramPrior
from seqkit.topologies.many_to_one.threshold import DecisionThreshold


class ClassificationHead(Head):
    """Many to one: ``softmax(W pooled + b + prior)`` over the labels, on the pooled outputs of an encoder.

    Args:
        encoder: reads tokens; its outputs are pooled.
        labels: their names, in the order of the outputs.
        dropout: on the pooled vector.
        class_weights: of the labels in the loss; None: all are 1.
        threshold: of two labels, the probability from which the second is predicted; None: the likeliest label is.
        prior: what n-grams say of the label, see :class:`NgramPrior`; None: nothing.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        dropout: float = 0.0,
        class_weights: Sequence[float] | None = None,
        threshold: float | None = None,
        prior: NgramPrior | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.labels, self.dropout = encoder, tuple(labels), dropout
        self.output = nn.Linear(encoder.output_size, len(self.labels))
        self.prior = prior
        self.register_buffer("class_weights", class_weight_tensor(class_weights), persistent=False)
        # Without a threshold there is no such module, so that runs have the weights that they always had.
        self.decision = None if threshold is None else DecisionThreshold(threshold)

    def forward(self, batch: TextBatch) -> Tensor:
        """Logits (B, labels)."""
        pooled = self.encoder(batch.tokens, batch.lengths).pooled
        logits: Tensor = self.output(dropout(pooled, self.dropout, self.training))
        if self.prior is None or batch.ngrams is None:
            return logits
        prior: Tensor = self.prior(batch.ngrams, batch.targets if self.training else None)
        return logits + prior

    def loss(self, batch: TextBatch) -> Loss:
        """Cross-entropy, in nats, with the weights of labels and texts."""
        targets = require_targets(batch.targets)
        return label_loss(self(batch), targets, self.class_weights, batch.weights)

    @torch.no_grad()
    def predict(self, batch: TextBatch) -> list[Classified]:
        """The labels with their probabilities."""
        probabilities = torch.softmax(self(batch), 1)
        rows = zip(probabilities.tolist(), self.decide(probabilities).tolist(), strict=True)
        return [Classified.of(self.labels, row, chosen) for row, chosen in rows]

    def decide(self, probabilities: Tensor) -> Tensor:
        """The numbers of the labels (B) that are predicted from probabilities (B, labels)."""
        return probabilities.argmax(1) if self.decision is None else self.decision(probabilities)
