"""Attention that is led along the diagonal while it learns, where the two sequences go hand in hand.

B batch, S source tokens, T target tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

_WIDTH = 0.2
"""Fraction of a sequence within which attention is free."""


def diagonal_penalty(weights: Tensor, lengths: Tensor, target_lengths: Tensor) -> Tensor:
    """How far the attention of each target token lies from the diagonal, summed over all of them: 0 to their number.

    ``Σ_ts a_ts (1 - exp(-(t/T - s/S)² / 2w²))`` with the middles of the tokens as positions and the width w = 0.2.

    Args:
        weights: a, (B, T, S).
        lengths: S of each source (B).
        target_lengths: T of each target (B); what follows it does not count.

    Source: Tachibana, Uenoyama and Aihara, 2018, arXiv:1710.08969.
    """
    steps, places = weights.shape[1:]
    targets, sources = (
        (torch.arange(size, device=weights.device) + 0.5) / length.unsqueeze(1)
        for size, length in ((steps, target_lengths), (places, lengths))
    )
    distance = targets.unsqueeze(2) - sources.unsqueeze(1)
    penalty = 1 - torch.exp(-(distance**2) / (2 * _WIDTH**2))
    inside = (targets < 1).unsqueeze(2)
    return (weights * penalty * inside).sum()
