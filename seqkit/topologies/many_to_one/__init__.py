"""Many to one: a label for a whole sequence, such as the sentiment of a review; or labels, or numbers."""

from seqkit.answers.labels import Classified, Estimate, LabelSet
from seqkit.topologies.many_to_one.codec import TextCodec
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.label_sets.codec import LabelSetCodec
from seqkit.topologies.many_to_one.label_sets.head import LabelSetHead
from seqkit.topologies.many_to_one.numbers.codec import NumberCodec
from seqkit.topologies.many_to_one.numbers.head import NumberHead
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.target import Target
from seqkit.topologies.many_to_one.task import ManyToOne
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextBatch, TextItem

__all__ = [
    "ClassificationHead",
    "Classified",
    "Estimate",
    "LabelSet",
    "LabelSetCodec",
    "LabelSetHead",
    "ManyToOne",
    "ManyToOneOptions",
    "NumberCodec",
    "NumberHead",
    "Target",
    "TextBatch",
    "TextCodec",
    "TextHead",
    "TextItem",
]
