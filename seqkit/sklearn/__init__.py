"""The tasks as scikit-learn estimators, for pipelines, searches and cross-validation."""

from seqkit.sklearn.base import SequenceEstimator
from seqkit.sklearn.classifier import SequenceClassifier
from seqkit.sklearn.synced import SequenceLabeler, SequenceTagger
from seqkit.sklearn.translator import SequenceTranslator

__all__ = ["SequenceClassifier", "SequenceEstimator", "SequenceLabeler", "SequenceTagger", "SequenceTranslator"]
