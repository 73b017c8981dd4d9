"""From which similarity on the memory answers: chosen on the validation split, where it makes outputs better at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqkit.answers.written import Translated
from seqkit.data.pairs import Pair
from seqkit.scores.direction import Criterion
from seqkit.topologies.delayed.memory import NEVER, Recalled

_TRIED = 20
"""Thresholds that are tried: more would differ by a few examples each, and the best of them by luck."""
_DRAWS = 50
"""Resamples of the split, which tell the deviation of a difference to a tenth."""


@dataclass(frozen=True)
class TunedGate:
    """A threshold with the score of the validation split, that without memory, and the share that memory answered."""

    threshold: float
    score: str
    tuned: float
    alone: float
    answered: float

    def to_json(self) -> dict[str, Any]:
        """What ``results.json`` says of it."""
        threshold = self.threshold if self.threshold < NEVER else None
        scores = {"score": self.score, "tuned": self.tuned, "alone": self.alone}
        return {"similarity": threshold, **scores, "answered": self.answered}


def tune_gate(
    written: Sequence[Translated],
    found: Sequence[Recalled | None],
    examples: Sequence[Pair],
    score: Callable[[Sequence[Translated], Sequence[Pair]], dict[str, float]],
    criterion: Criterion,
) -> TunedGate:
    """The threshold with the best score; among equals the highest, which leaves most to the network.

    The network is left alone unless the score gains more than a standard deviation of the gain, from resamples of the
    split: the best of twenty thresholds is always a little better by luck. With 1,000 pairs of Tatoeba, one that gained
    half a point of BLEU on 100 sentences lost 0.8 on others.

    Args:
        written: what the network makes of the validation split.
        found: the nearest pair of each of its sources, if there is one.
        examples: the split.
        score: predictions against examples.
        criterion: which of the scores counts.
    """
    outputs = {threshold: _answered(written, found, threshold) for threshold in _thresholds(found)}
    scores = {threshold: score(output, examples)[criterion.score] for threshold, output in outputs.items()}
    sign = 1 if criterion.higher_is_better else -1
    best = max(scores, key=lambda threshold: (sign * scores[threshold], threshold))

    def gain(drawn: Sequence[int]) -> float:
        truth = [examples[number] for number in drawn]
        own, others = (score([outputs[t][n] for n in drawn], truth)[criterion.score] for t in (best, NEVER))
        return sign * (own - others)

    if best != NEVER and gain(range(len(examples))) <= deviation(gain, len(examples)):
        best = NEVER
    answered = sum(output.recalled is not None for output in outputs[best]) / len(written)
    return TunedGate(best, criterion.score, scores[best], scores[NEVER], answered)


def deviation(gain: Callable[[Sequence[int]], float], size: int) -> float:
    """The standard deviation of a gain over resamples of this many examples; the draws are always the same."""
    generator = np.random.default_rng(0)
    return float(np.std([gain(generator.integers(size, size=size).tolist()) for _ in range(_DRAWS)]))


def _thresholds(found: Sequence[Recalled | None]) -> list[float]:
    """Never, and similarities that divide the sources into parts of about one size, the lowest that of all."""
    known = sorted({pair.similarity for pair in found if pair is not None})
    count = min(_TRIED, len(known))
    return [NEVER, *(known[number * len(known) // count] for number in range(count))]


def _answered(written: Sequence[Translated], found: Sequence[Recalled | None], threshold: float) -> list[Translated]:
    return [
        Translated(pair.target, 0.0, (), pair.source) if pair is not None and pair.similarity >= threshold else output
        for output, pair in zip(written, found, strict=True)
    ]
