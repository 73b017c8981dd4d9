"""Topologies: which inputs meet which outputs, and all that follows from it but the data and the defaults of a task.

Each room here is a family of files: ``options``, ``codec`` (items and batches), ``head``, ``scores`` (with tables),
``export``, ``explain``, and ``task``, which joins them to a base class for tasks.
"""

from seqkit.answers.streams import MovableStream, Snapshot, Stream
from seqkit.topologies.codec import Codec, EncodingReport, read_labels
from seqkit.topologies.ensemble import EnsembleCodec, EnsembleHead, join_codecs
from seqkit.topologies.powers import (
    AnswersFiles,
    Ensembles,
    Explains,
    Explanation,
    Exports,
    FitsFirst,
    Generates,
    LabelsSteps,
    NamesFiles,
    Passage,
    Pretrains,
    ReadsOneByOne,
    ReadsParallel,
    ReadsRows,
    Streams,
    Tunes,
)
from seqkit.topologies.prediction import Predicted, SharedItems, help_predict, predict_items
from seqkit.topologies.task import AnyCodec, AnyTask, Task

__all__ = [
    "AnswersFiles",
    "AnyCodec",
    "AnyTask",
    "Codec",
    "EncodingReport",
    "EnsembleCodec",
    "EnsembleHead",
    "Ensembles",
    "Explains",
    "Explanation",
    "Exports",
    "FitsFirst",
    "Generates",
    "LabelsSteps",
    "MovableStream",
    "NamesFiles",
    "Passage",
    "Predicted",
    "Pretrains",
    "ReadsOneByOne",
    "ReadsParallel",
    "ReadsRows",
    "SharedItems",
    "Snapshot",
    "Stream",
    "Streams",
    "Task",
    "Tunes",
    "help_predict",
    "join_codecs",
    "predict_items",
    "read_labels",
]
