"""The head that gives a text a set of labels.

B batch, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from seqkit.answers.labels import LabelSet
from seqkit.layers import Encoder, Loss
from seqkit.layers.head import require_targets
from seqkit.topologies.many_to_one.prior import GramPrior
from seqkit.topologies.many_to_one.regression import GramRegression
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextBatch


class LabelSetHead(TextHead):
    """Many to one: ``sigmoid(W pooled + b + prior)`` for each label, on the pooled outputs of an encoder.

    A text has every label whose probability reaches the threshold of that label; the thresholds are kept with the
    weights.

    Args:
        encoder, dropout, prior, pairs, regression: as of :class:`TextHead`.
        labels: their names, in the order of the outputs.
        class_weights: how much a text that has the label counts in the loss of that label; None: all are 1.
        threshold: that of all labels, to begin with.
    """

    thresholds: Tensor

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        dropout: float = 0.0,
        class_weights: Sequence[float] | None = None,
        threshold: float = 0.5,
        prior: GramPrior | None = None,
        pairs: bool = False,
        regression: GramRegression | None = None,
    ) -> None:
        super().__init__(encoder, len(labels), dropout, prior, pairs, regression, class_weights)
        self.labels = tuple(labels)
        # Of float64, so that a probability at its threshold is compared with that very number.
        self.register_buffer("thresholds", torch.full((len(labels),), threshold, dtype=torch.float64))

    def loss(self, batch: TextBatch) -> Loss:
        """Binary cross-entropy in nats, summed over the labels, with the weights of labels and texts."""
        targets = require_targets(batch.targets)
        nats = binary_cross_entropy_with_logits(
            self(batch), targets, reduction="none", pos_weight=self.class_weights
        ).sum(1)
        if batch.weights is None:
            return Loss(nats.sum(), len(nats))
        return Loss((nats * batch.weights).sum(), float(batch.weights.double().sum()), items=len(nats))

    @torch.no_grad()
    def predict(self, batch: TextBatch) -> list[LabelSet]:
        """The labels of each text, with the probability of every label."""
        probabilities = torch.sigmoid(self(batch))
        rows = zip(probabilities.tolist(), self.decide(probabilities).tolist(), strict=True)
        return [self._label_set(row, chosen) for row, chosen in rows]

    def decide(self, probabilities: Tensor) -> Tensor:
        """(B, L) of bool: which labels are predicted from probabilities (B, L)."""
        return probabilities >= self.thresholds

    def _label_set(self, row: Sequence[float], chosen: Sequence[bool]) -> LabelSet:
        labels = tuple(label for label, has in zip(self.labels, chosen, strict=True) if has)
        return LabelSet(labels, dict(zip(self.labels, row, strict=True)))
