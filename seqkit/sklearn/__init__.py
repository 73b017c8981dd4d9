"""The old name of :mod:`seqkit.estimators`, kept until 0.4.0."""

from __future__ import annotations

import warnings

from seqkit.estimators import (
    SequenceClassifier,
    SequenceEstimator,
    SequenceLabeler,
    SequenceTagger,
    SequenceTranslator,
)

__all__ = ["SequenceClassifier", "SequenceEstimator", "SequenceLabeler", "SequenceTagger", "SequenceTranslator"]

warnings.warn(
    "seqkit.sklearn is deprecated and goes away in seqkit 0.4; use seqkit.estimators", DeprecationWarning, stacklevel=2
)
