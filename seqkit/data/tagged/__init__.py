"""Sentences with a tag for each word: readers of all usual files, splits, and repair of tags."""

from seqkit.data.tagged.reading import each_tagged, read_passages, read_tagged
from seqkit.data.tagged.recognition import holds_words, names_words, tag_columns
from seqkit.data.tagged.repairing import each_mended, mended
from seqkit.data.tagged.sentence import Sentence, TaggedPassage, TaggedSource, split_sentences

__all__ = [
    "Sentence",
    "TaggedPassage",
    "TaggedSource",
    "each_mended",
    "each_tagged",
    "holds_words",
    "mended",
    "names_words",
    "read_passages",
    "read_tagged",
    "split_sentences",
    "tag_columns",
]
