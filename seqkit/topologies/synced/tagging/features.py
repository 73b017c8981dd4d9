"""Scores of indicator features of words and their neighbours: a linear tagger beside the recurrent layer.

B batch, T words of a sentence, N features of a word, F features known, K labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from seqkit.data.inputs.word_features import WordFeatures

__all__ = ["FeatureScores", "WordFeatures"]


class FeatureScores(nn.Module):
    """``s_tk = Σ_n w_(f_tn, k)``: the scores that the features of a word give to its labels.

    In training each feature of each word is left out with some probability, and the others count the more.

    Args:
        features: F.
        labels: K.
        dropout: probability of leaving out a feature.

    Source: dropout of features as a regulariser of linear taggers, Wang and Manning, 2013 (D13-1117).
    """

    def __init__(self, features: int, labels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        # The last row is that of padding, and stays 0.
        self.weight = nn.Parameter(torch.zeros(features + 1, labels))

    @property
    def padding(self) -> int:
        """The number that stands for no feature: F."""
        return len(self.weight) - 1

    def forward(self, features: Tensor) -> Tensor:
        """Numbers of features (B, T, N), padded, to (B, T, K)."""
        scale = 1.0
        if self.training and self.dropout:
            left_out = torch.rand(features.shape, device=features.device) < self.dropout
            features, scale = features.masked_fill(left_out, self.padding), 1 / (1 - self.dropout)
        rows = features.flatten(0, 1)
        if torch.is_grad_enabled() and rows.device.type == "cpu":
            scores = self._sum_known(rows)
        else:
            scores = embedding_bag(rows, self.weight, mode="sum", padding_idx=self.padding)
        return scale * scores.view(*features.shape[:2], -1)

    def _sum_known(self, rows: Tensor) -> Tensor:
        """What an embedding bag gives (B·T, K), of the features that are there.

        The gradient of a bag sorts its rows on a CPU. Both ways of 16 sentences with 98,000 features take 0.95 ms
        on one thread like this, 1.6 to 1.9 ms as a bag.
        """
        words, places = (rows != self.padding).nonzero(as_tuple=True)
        scores = self.weight.new_zeros(len(rows), self.weight.shape[1])
        return scores.index_add(0, words, self.weight.index_select(0, rows[words, places]))
