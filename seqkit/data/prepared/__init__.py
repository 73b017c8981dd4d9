"""Prepared data sets: a folder with the examples of three splits, which are read when they are needed."""

from seqkit.data.prepared.examples import PreparedExamples, Sample, StoredExamples, count_of, learning_splits
from seqkit.data.prepared.folder import MANIFEST, PreparedFolder, is_prepared, open_prepared
from seqkit.data.prepared.writing import FolderWriter

__all__ = [
    "MANIFEST",
    "FolderWriter",
    "PreparedExamples",
    "PreparedFolder",
    "Sample",
    "StoredExamples",
    "count_of",
    "is_prepared",
    "learning_splits",
    "open_prepared",
]
