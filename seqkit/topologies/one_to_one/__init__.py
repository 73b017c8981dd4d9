"""One to one: a label for a vector of numbers; no time, no recurrence."""

from seqkit.answers.labels import Classified
from seqkit.topologies.one_to_one.codec import VectorBatch, VectorCodec, VectorItem
from seqkit.topologies.one_to_one.head import VectorHead
from seqkit.topologies.one_to_one.options import OneToOneOptions
from seqkit.topologies.one_to_one.reading import vector_examples
from seqkit.topologies.one_to_one.task import OneToOne

__all__ = [
    "Classified",
    "OneToOne",
    "OneToOneOptions",
    "VectorBatch",
    "VectorCodec",
    "VectorHead",
    "VectorItem",
    "vector_examples",
]
