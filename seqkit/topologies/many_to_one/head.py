"""The head that labels whole sequences.

B batch, T time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.answers.labels import Classified
from seqkit.layers import Encoder, Loss
from seqkit.layers.head import require_targets
from seqkit.layers.label_loss import label_loss
from seqkit.topologies.many_to_one.ngrams import NgramPrior
from seqkit.topologies.many_to_one.regression import GramRegression
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextBatch
from seqkit.topologies.many_to_one.threshold import DecisionThreshold


class ClassificationHead(TextHead):
    """Many to one: ``softmax(W pooled + b + prior)`` over the labels, on the pooled outputs of an encoder.

    Args:
        encoder: reads tokens; its outputs are pooled.
        labels: their names, in the order of the outputs.
        dropout: on the pooled vector.
        class_weights: of the labels in the loss; None: all are 1.
        threshold: of two labels, the probability from which the second is predicted; None: the most likely label is.
        prior: what n-grams say of the label, see :class:`NgramPrior`; None: nothing.
        pairs: whether an input is two texts, see :class:`TextHead`.
        regression: of n-grams, see :class:`GramRegression`; None: none.
    """

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        dropout: float = 0.0,
        class_weights: Sequence[float] | None = None,
        threshold: float | None = None,
        prior: NgramPrior | None = None,
        pairs: bool = False,
        regression: GramRegression | None = None,
    ) -> None:
        super().__init__(encoder, len(labels), dropout, prior, pairs, regression, class_weights)
        self.labels = tuple(labels)
        # Without a threshold there is no such module, so that runs have the weights that they always had.
        self.decision = None if threshold is None else DecisionThreshold(threshold)

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
