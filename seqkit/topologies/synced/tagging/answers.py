"""Files of words that come back with the predicted tags in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqkit.data.tagged import TaggedPassage, TaggedSource, holds_words, read_passages
from seqkit.topologies.powers import Passage
from seqkit.topologies.synced.tagging.options import TaggingOptions


def tagged_passages(config: TaggingOptions, path: Path, notes: list[str]) -> Iterator[Passage] | None:
    """The pieces of a file that training could read, tags or none; None for texts, by line or in a table."""
    source = TaggedSource(
        path,
        config.word_column,
        config.tag_column,
        config.sentence_column,
        config.encoding,
        tagged=False,
        notes=notes,
        columns=config.form.columns,
    )
    return map(_passage, read_passages(source)) if holds_words(source) else None


def _passage(one: TaggedPassage) -> Passage:
    return Passage(
        list(one.words) if one.words else None,
        one.location,
        lambda prediction: one.answered(() if prediction is None else prediction.tags),
    )
