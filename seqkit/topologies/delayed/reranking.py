"""Outputs of the beam by two models: the network, and n-grams of aligned symbols.

One knows the whole of the source, the other counts what it has seen, and they err in different places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.answers.written import Translated
from seqkit.data.pairs import Pair
from seqkit.scores.direction import Criterion
from seqkit.topologies.delayed.memory_tuning import deviation

__all__ = ["JointWeight", "TunedWeight", "tune_weight"]

_WEIGHT = 0.4
"""Of 600 other words of CMUdict, this share was wrong with the weights 0, 0.2, 0.4, 0.7, 1: after 900 words learned
0.677, 0.647, 0.633, 0.640, 0.645, after 3,240 words 0.532, 0.498, 0.487, 0.493, 0.505."""

_CLEARLY = 2.0
"""Standard deviations that n-grams may be worse by and stay: by luck alone, one in forty times"""


class JointWeight(nn.Module):
    """The weight of :class:`~seqkit.data.inputs.joint_ngrams.JointNgrams` beside the network; 0: not asked at all."""

    value: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(1, dtype=torch.float64))

    def set(self, used: bool) -> None:
        """Turns the n-grams on or off."""
        self.value.fill_(_WEIGHT if used else 0.0)

    def __float__(self) -> float:
        return float(self.value)


@dataclass(frozen=True)
class TunedWeight:
    """The weight that is taken, with the score of the validation split with and without the n-grams."""

    weight: float
    score: str
    both: float
    alone: float

    def to_json(self) -> dict[str, Any]:
        """What ``results.json`` says of it."""
        return {"weight": self.weight, "score": self.score, "both": self.both, "alone": self.alone}


def tune_weight(
    weight: JointWeight,
    write: Callable[[], Sequence[Translated]],
    examples: Sequence[Pair],
    score: Callable[[Sequence[Translated], Sequence[Pair]], dict[str, float]],
    criterion: Criterion,
) -> TunedWeight:
    """Turns the n-grams off where outputs are worse with them, by more than two standard deviations of the difference.

    Where symbols go hand in hand they help as a rule, and fifty validation words need more than luck to say otherwise;
    the weight itself matters little.

    Args:
        weight: of the head that writes.
        write: what the head makes of the validation split.
        examples: the split.
        score: predictions against examples.
        criterion: which of the scores counts.
    """
    outputs = {}
    for used in (False, True):
        weight.set(used)
        outputs[used] = write()

    def loss(drawn: Sequence[int]) -> float:
        truth = [examples[number] for number in drawn]
        alone, both = (score([outputs[used][n] for n in drawn], truth)[criterion.score] for used in (False, True))
        return (alone - both) if criterion.higher_is_better else (both - alone)

    weight.set(loss(range(len(examples))) <= _CLEARLY * deviation(loss, len(examples)))
    alone, both = (score(outputs[used], examples)[criterion.score] for used in (False, True))
    return TunedWeight(float(weight), criterion.score, both, alone)
