"""The tasks as scikit-learn estimators, for pipelines, searches and cross-validation."""

from seqkit.estimators.base import SequenceEstimator
from seqkit.estimators.classifier import SequenceClassifier
from seqkit.estimators.synced import SequenceLabeler, SequenceTagger
from seqkit.estimators.translator import SequenceTranslator

__all__ = ["SequenceClassifier", "SequenceEstimator", "SequenceLabeler", "SequenceTagger", "SequenceTranslator"]
