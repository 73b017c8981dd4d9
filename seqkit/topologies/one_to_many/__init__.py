"""One to many: a caption for a picture, written token by token."""

from seqkit.answers.written import Caption
from seqkit.topologies.one_to_many.codec import CaptionCodec, PictureBatch, PictureItem
from seqkit.topologies.one_to_many.head import CaptionHead
from seqkit.topologies.one_to_many.options import OneToManyOptions
from seqkit.topologies.one_to_many.task import OneToMany

__all__ = [
    "Caption",
    "CaptionCodec",
    "CaptionHead",
    "OneToMany",
    "OneToManyOptions",
    "PictureBatch",
    "PictureItem",
]
