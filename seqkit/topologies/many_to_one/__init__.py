"""Many to one: a label for a whole sequence, such as the sentiment of a review."""

from seqkit.topologies.classification import Classified
from seqkit.topologies.many_to_one.codec import TextBatch, TextCodec, TextItem
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.task import ManyToOne

__all__ = [
    "ClassificationHead",
    "Classified",
    "ManyToOne",
    "ManyToOneOptions",
    "TextBatch",
    "TextCodec",
    "TextItem",
]
