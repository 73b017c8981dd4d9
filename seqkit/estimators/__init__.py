"""The tasks as scikit-learn estimators, for pipelines, searches and cross-validation: a file for each topology."""

from seqkit.estimators.base import SequenceEstimator
from seqkit.estimators.delayed import SequenceTranslator
from seqkit.estimators.many_to_one import SequenceClassifier
from seqkit.estimators.synced import SequenceLabeler, SequenceTagger
from seqkit.estimators.texts import SequenceMultiLabelClassifier, SequenceRegressor

__all__ = [
    "SequenceClassifier",
    "SequenceEstimator",
    "SequenceLabeler",
    "SequenceMultiLabelClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "SequenceTranslator",
]
