"""Features on one scale, as a model reads them.

F features of a frame, M of them missing in some frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqkit.data.frames.clip import Clip
from seqkit.data.readers import DataError

_LEAST_DEVIATION = 1e-150
"""Its square is 1e-300: below that, float64 has no full set of digits any more."""
_LARGEST_SCALED = 50.0


@dataclass(frozen=True)
class Scaling:
    """``(x - mean) / deviation`` for each feature, and a flag for each feature that may be missing.

    A feature that never changes in training carries no information, and is always 0. A missing value becomes 0, the
    mean; for each feature that was missing somewhere in training, an extra feature is 1 where it is missing and 0
    elsewhere. Values more than 50 deviations from the mean are cut to 50.
    """

    mean: np.ndarray
    """(F) of float64"""
    inverse: np.ndarray
    """(F): 1 / deviation, 0 for a feature that never changes"""
    masked: np.ndarray
    """(M) of int64: the features that were missing somewhere"""

    @classmethod
    def fit(cls, clips: Sequence[Clip]) -> Scaling:
        """Means and deviations over all frames that have the feature."""
        count = sum(np.isfinite(clip.features).sum(0) for clip in clips)
        total = sum(np.nansum(clip.features, 0, dtype=np.float64) for clip in clips)
        mean = total / np.maximum(count, 1)
        squares = sum(np.nansum(np.square(clip.features - mean), 0) for clip in clips)
        deviation = np.sqrt(squares / np.maximum(count, 1))
        # Rounding leaves a constant feature with a little deviation.
        moves = deviation > np.maximum(1e-6 * np.abs(mean), _LEAST_DEVIATION)
        inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=moves)
        frames = sum(len(clip.features) for clip in clips)
        return cls(mean, inverse, np.flatnonzero(count < frames))

    @property
    def size(self) -> int:
        """F + M."""
        return len(self.mean) + len(self.masked)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (..., F) as (..., F + M) of float32."""
        scaled = (features - self.mean) * self.inverse
        # One product shows that nothing is missing and nothing to be cut (no comparison with NaN is true). A stream
        # scales its frames one by one while somebody waits, and most of them need no more than this.
        if len(self.masked) or not np.vdot(scaled, scaled) <= _LARGEST_SCALED**2:
            missing = np.isnan(scaled)
            scaled = np.where(missing, 0.0, scaled.clip(-_LARGEST_SCALED, _LARGEST_SCALED))
            scaled = np.concatenate([scaled, missing[..., self.masked]], -1)
        numbers: np.ndarray = scaled.astype(np.float32)
        return numbers

    def to_json(self) -> dict[str, Any]:
        """The value that :meth:`from_json` reads."""
        return {"mean": self.mean.tolist(), "inverse": self.inverse.tolist(), "masked": self.masked.tolist()}

    @classmethod
    def from_json(cls, value: Any, where: str) -> Scaling:
        """What :meth:`to_json` wrote; raises :class:`DataError` naming ``where`` for anything else."""
        try:
            mean, inverse = (np.array(value[key], np.float64) for key in ("mean", "inverse"))
            masked = np.array(value["masked"], np.int64)
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{where} lacks the scaling of features; restore it from a backup") from None
        if mean.ndim != 1 or mean.shape != inverse.shape or not all(0 <= number < len(mean) for number in masked):
            raise DataError(f"{where} has a scaling that does not fit together; restore it from a backup")
        return cls(mean, inverse, masked)
