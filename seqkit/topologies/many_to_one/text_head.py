"""What the heads share that say something of a whole text: an encoder, pooled, and one layer of outputs.

B batch, P values of the pooled vector, K outputs.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqkit.layers import Encoder, Head
from seqkit.topologies.class_weights import class_weight_tensor
from seqkit.topologies.many_to_one.prior import GramPrior
from seqkit.topologies.many_to_one.regression import GramRegression
from seqkit.topologies.many_to_one.texts import TextBatch


class TextHead(Head):
    """``W pooled + b + prior``, on the pooled outputs of an encoder; in evaluation averaged with a regression, if any.

    Of two texts with pooled vectors u and v, which one encoder reads, ``W [u; v; |u - v|; u * v] + b + prior``.

    Args:
        encoder: reads tokens; its outputs are pooled.
        outputs: K.
        dropout: on the pooled vector.
        prior: what n-grams say; None: nothing.
        pairs: whether an input is two texts.
        regression: of n-grams, which has its share in evaluation; None: none.
        class_weights: of labels in the loss; None: all are 1.

    Source: of the features of two texts, Conneau et al., 2017 (arXiv:1705.02364).
    """

    class_weights: Tensor | None

    def __init__(
        self,
        encoder: Encoder,
        outputs: int,
        dropout: float = 0.0,
        prior: GramPrior | None = None,
        pairs: bool = False,
        regression: GramRegression | None = None,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.dropout, self.pairs = encoder, dropout, pairs
        self.output = nn.Linear((4 if pairs else 1) * encoder.output_size, outputs)
        self.prior: GramPrior | None = prior
        # Models of 0.2.0 have none.
        self.regression: GramRegression | None = regression
        self.register_buffer("class_weights", class_weight_tensor(class_weights), persistent=False)

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
        if self.training or self.regression is None:
            return outputs + prior
        both: Tensor = self.regression(outputs + prior, batch.ngrams, self.prior.padding)
        return both

    @torch.no_grad()
    def exported_output(self) -> nn.Linear:
        """:attr:`output` with the share that it has in evaluation."""
        if self.regression is None:
            return self.output
        output = copy.deepcopy(self.output)
        for parameter in output.parameters():
            parameter.mul_((1 - self.regression.shares).view(-1, *[1] * (parameter.dim() - 1)))
        if self.regression.bias is not None:
            output.bias.add_(self.regression.shares * self.regression.bias)
        return output

    @torch.no_grad()
    def exported_ngrams(self) -> Tensor:
        """What each n-gram adds to the outputs of a text with a single one in evaluation, (F + 1, K); the last: 0."""
        assert self.prior is not None
        table = self.prior.table.clone()
        if self.regression is not None:
            rows, shares = self.regression.weights[:-1], self.regression.shares
            table *= 1 - shares
            table[: len(rows)] += shares * rows
        return table

    def untune(self) -> None:
        """Takes back what an earlier tuning on the validation split changed in predictions that tuning starts from."""
        if self.regression is not None:
            self.regression.take_part()

    def read_apart(self, batch: TextBatch) -> Tensor:
        """:meth:`forward` with each row read by a call of its own, so that each text of a pair can be looked into."""
        calls = [self.encoder(batch.tokens[n : n + 1, :size], size.view(1)) for n, size in enumerate(batch.lengths)]
        return self.outputs(torch.cat([call.pooled for call in calls]), batch)


def pair_features(u: Tensor, v: Tensor) -> Tensor:
    """``[u; v; |u - v|; u * v]``, (B, 4P) from two (B, P)."""
    return torch.cat([u, v, (u - v).abs(), u * v], 1)
