"""Tagging: a label for each word of a sentence, such as its part of speech, or the mark that follows it."""

from seqkit.answers.steps import Tagged
from seqkit.topologies.synced.tagging.codec import TagBatch, TagCodec, TagItem
from seqkit.topologies.synced.tagging.head import TaggingHead
from seqkit.topologies.synced.tagging.options import TaggingOptions
from seqkit.topologies.synced.tagging.task import SyncedTagging

__all__ = [
    "SyncedTagging",
    "TagBatch",
    "TagCodec",
    "TagItem",
    "Tagged",
    "TaggingHead",
    "TaggingOptions",
]
