"""How readily a model finds spans: the score of ``O``, fitted to sentences that training has not seen.

B batch, T words of a sentence, K labels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from seqkit.data.schemes import OUTSIDE
from seqkit.layers import CRF
from seqkit.lengths import labelled_lengths

__all__ = ["Calibration", "OutsideShift", "Scored", "fit_shift"]

_SENTENCES = 2000
"""Enough for one number, whose standard deviation then is a few hundredths."""
_BLOCK = 64
"""Sentences whose probabilities are computed together"""
_LARGEST = 8.0
"""Shifts are at most this, either way."""
_HALVINGS = 10
"""Steps of the search: the shift is found to within 0.02."""


class OutsideShift(nn.Module):
    """``logits_tk - b`` for the label k of words outside spans; b is kept with the weights, and is 0 in a new head.

    Args:
        labels: K of them.
    """

    value: Tensor
    place: Tensor

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(1))
        self.register_buffer("place", torch.tensor([float(label == OUTSIDE) for label in labels]), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits (B, T, K) to others."""
        return logits - self.value * self.place

    @torch.no_grad()
    def built_into(self, output: nn.Linear) -> nn.Linear:
        """A copy of the layer that gives the logits, with the shift in its bias."""
        shifted = copy.deepcopy(output)
        shifted.bias.sub_(self.value * self.place)
        return shifted


@dataclass(frozen=True)
class Calibration:
    """A shift, with the score of the validation split with and without it."""

    outside: float
    score: str
    tuned: float
    alone: float

    def to_json(self) -> dict[str, Any]:
        """What ``results.json`` says of it."""
        return asdict(self)


class Scored(NamedTuple):
    """A sentence: the logits of its words (T, K) and the numbers of their labels (T)."""

    logits: Tensor
    targets: Tensor


def fit_shift(crf: CRF, outside: int, sentences: Sequence[Scored]) -> float:
    """The b for which other sentences are likeliest, ``max_b log p(y | logits - b) - b²/2``.

    There the number of words expected outside spans is that of the sentences, less b, by which a few sentences
    without spans say little. A model that knows its training sentences by heart expects spans of words that it has
    seen, and too few of others.

    Args:
        crf: of the model.
        outside: the number of the label ``O``.
        sentences: those of the validation split, as the model without shift scores them.
    """
    chosen = sorted(sentences[:: 1 + (len(sentences) - 1) // _SENTENCES], key=lambda one: len(one.targets))
    blocks = [_block(chosen[start : start + _BLOCK]) for start in range(0, len(chosen), _BLOCK)]
    found = sum(float((targets == outside).sum()) for _, targets, _ in blocks)
    low, high = -_LARGEST, _LARGEST
    for _ in range(_HALVINGS):
        shift = (low + high) / 2
        # The derivative of the negative logarithm, which grows with the shift.
        if found - _expected(crf, outside, blocks, shift) + shift < 0:
            low = shift
        else:
            high = shift
    return (low + high) / 2


def _block(sentences: Sequence[Scored]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (B, T, K), targets (B, T) that are -1 where nothing is known, and lengths (B) of what is."""
    targets = pad_sequence([one.targets.long() for one in sentences], batch_first=True, padding_value=-1)
    sizes = torch.tensor([len(one.targets) for one in sentences], device=targets.device)
    lengths = labelled_lengths(targets, sizes)
    known = torch.arange(targets.shape[1], device=targets.device) < lengths.unsqueeze(1)
    return pad_sequence([one.logits for one in sentences], batch_first=True), targets.masked_fill(~known, -1), lengths


def _expected(crf: CRF, outside: int, blocks: Sequence[tuple[Tensor, Tensor, Tensor]], shift: float) -> float:
    """Words expected outside spans."""
    total = 0.0
    for logits, _, lengths in blocks:
        shifted = logits.clone()
        shifted[:, :, outside] -= shift
        total += float(crf.marginals(shifted, lengths)[:, :, outside].sum())
    return total
