"""Turkish sentences with their parts of speech, tagged by hand."""

from __future__ import annotations

from seqkit.data.sources.packaged import PackagedFile
from seqkit.data.tagged import Sentence, read_tagged

TURKISH = (
    PackagedFile("turkish-treebanks", "1.0.0", "data/web.conllu"),
    PackagedFile("turkish-treebanks", "1.0.0", "data/wiki.conllu"),
)
"""From the web and from Wikipedia; a word is divided where an ending changes its part of speech."""


def turkish_treebank() -> list[Sentence]:
    """The 4,851 sentences of :data:`TURKISH`, those of the web first.

    Raises :class:`UsageError` if the package is not installed.
    """
    return [sentence for file in TURKISH for sentence in read_tagged(file.locate())]
