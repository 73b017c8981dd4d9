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

warnings.warn("seqkit.sklearn is now seqkit.estimators; the old name goes in 0.4.0", DeprecationWarning, stacklevel=2)
