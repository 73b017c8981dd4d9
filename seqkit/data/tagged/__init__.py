"""Sentences with a tag for each word: readers of CoNLL columns, CoNLL-U and JSONL, splits, and repair of tags."""

from seqkit.data.tagged.reading import read_tagged
from seqkit.data.tagged.repairing import mended
from seqkit.data.tagged.sentence import Sentence, split_sentences

__all__ = ["Sentence", "mended", "read_tagged", "split_sentences"]
