"""Numbers on one scale.

N numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqkit.data.readers import NUMBER, DataError, NumberExample


@dataclass(frozen=True)
class Scale:
    """``(y - mean) / deviation`` for each of N numbers, by their names; ``interval`` is the probability of theirs."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    interval: float = 0.9

    @classmethod
    def learn(cls, train: Sequence[NumberExample], interval: float) -> Scale:
        """Of the numbers of the training split, with the weights of its texts; 1 for one that never changes."""
        rows, weights = np.array([e.numbers for e in train]), np.array([e.weight for e in train])
        mean = np.average(rows, 0, weights)
        deviation = np.sqrt(np.average((rows - mean) ** 2, 0, weights))
        # Rounding leaves a constant with a little deviation.
        deviation = np.where(deviation > 1e-12 * np.maximum(1.0, np.abs(rows).max(0)), deviation, 1.0)
        return cls(train[0].names, tuple(mean.tolist()), tuple(deviation.tolist()), interval)

    def apply(self, numbers: Sequence[float]) -> np.ndarray:
        """Numbers as a head learns them, (N) of float32."""
        rows = zip(numbers, self.mean, self.deviation, strict=True)
        return np.array([(number - mean) / deviation for number, mean, deviation in rows], np.float32)

    def undo(self, scaled: np.ndarray) -> np.ndarray:
        """Numbers (..., N) of float64 as people have them, from those of a head."""
        numbers: np.ndarray = scaled.astype(np.float64) * np.array(self.deviation) + np.array(self.mean)
        return numbers

    @classmethod
    def from_json(cls, value: Any) -> Scale:
        """The content of ``target.json``; raises :class:`DataError` for anything else."""
        try:
            names, interval = tuple(map(str, value["names"])), float(value["interval"])
            mean, deviation = (tuple(map(float, value[key])) for key in ("mean", "deviation"))
            fits = value["target"] == NUMBER and len(names) == len(mean) == len(deviation) and 0 < interval < 1
        except (TypeError, KeyError, ValueError):
            fits = False
        if not fits or not all(math.isfinite(number) for number in (*mean, *deviation)) or not all(deviation):
            raise DataError("target.json must hold names, means and deviations of numbers; restore it from a backup")
        return cls(names, mean, deviation, interval)
