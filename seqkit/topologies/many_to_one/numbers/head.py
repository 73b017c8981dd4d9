"""The head that predicts numbers, and an interval around each.

B batch, N numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from seqkit.answers.labels import Estimate
from seqkit.layers import Encoder, Loss
from seqkit.layers.head import require_targets
from seqkit.topologies.many_to_one.numbers.codec import Scale
from seqkit.topologies.many_to_one.prior import GramPrior
from seqkit.topologies.many_to_one.regression import GramRegression
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextBatch


class Bounds(NamedTuple):
    """Scaled numbers (B, N) and the limits of their intervals."""

    mean: Tensor
    low: Tensor
    high: Tensor


class NumberHead(TextHead):
    """Many to one: ``[m; a; b] = W pooled + b + prior``, the mean m of each number and two quantiles, on one scale.

    The expected number is ``shrink · m``: on few texts a network learns deviations from the average that are too large.
    The interval of probability p reaches from the quantile (1 - p) / 2, ``shrink · m - softplus(a)``, to (1 + p) / 2,
    ``shrink · m + softplus(b)``; both distances are then multiplied by ``stretch``. Both factors are found on the
    validation split after training, and kept with the weights.

    Args:
        encoder, dropout, prior, pairs, regression: as of :class:`TextHead`.
        scale: of the numbers.

    Source: of quantiles as a loss, Koenker and Bassett, 1978; of intervals that are right on validation, Romano,
    Patterson and Candès, 2019 (arXiv:1905.03222).
    """

    shrink: Tensor
    stretch: Tensor

    def __init__(
        self,
        encoder: Encoder,
        scale: Scale,
        dropout: float = 0.0,
        prior: GramPrior | None = None,
        pairs: bool = False,
        regression: GramRegression | None = None,
    ) -> None:
        super().__init__(encoder, 3 * len(scale.names), dropout, prior, pairs, regression)
        self.scale = scale
        self.register_buffer("shrink", torch.ones(len(scale.names)))
        self.register_buffer("stretch", torch.ones(len(scale.names)))

    def loss(self, batch: TextBatch) -> Loss:
        """``(m - y)²`` and the pinball losses of both quantiles, averaged over the numbers of a text.

        Quantiles learn their distance from the mean, and do not move it.
        """
        targets = require_targets(batch.targets)
        mean, below, above = self(batch).chunk(3, 1)
        rest, tail = targets - mean.detach(), (1 - self.scale.interval) / 2
        losses = (
            (mean - targets) ** 2 + pinball(-softplus(below), rest, tail) + pinball(softplus(above), rest, 1 - tail)
        )
        per_text = losses.mean(1)
        if batch.weights is None:
            return Loss(per_text.sum(), len(per_text))
        return Loss((per_text * batch.weights).sum(), float(batch.weights.double().sum()), items=len(per_text))

    @torch.no_grad()
    def predict(self, batch: TextBatch) -> list[Estimate]:
        """The expected numbers of each text, and the intervals around them."""
        rows = zip(
            *(self.scale.undo(values.cpu().numpy()).tolist() for values in self.bounds(self(batch))), strict=True
        )
        return [Estimate(tuple(mean), tuple(low), tuple(high), self.scale.names) for mean, low, high in rows]

    def untune(self) -> None:
        """See :meth:`TextHead.untune`."""
        super().untune()
        self.shrink.fill_(1)
        self.stretch.fill_(1)

    def bounds(self, outputs: Tensor) -> Bounds:
        """Means and intervals from outputs (B, 3N)."""
        mean, below, above = outputs.chunk(3, 1)
        mean = mean * self.shrink
        return Bounds(mean, mean - softplus(below) * self.stretch, mean + softplus(above) * self.stretch)


def pinball(quantile: Tensor, targets: Tensor, level: float) -> Tensor:
    """``max(τ (y - q), (τ - 1) (y - q))``, which the quantile τ of y makes smallest on average."""
    short = targets - quantile
    return torch.maximum(level * short, (level - 1) * short)
