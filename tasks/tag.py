"""Many to many, synced: a label for each word, such as its part of speech, or the mark that follows it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seqkit.config import from_data, option
from seqkit.data import DataError, Splits, read_examples, stratified
from seqkit.data.punctuation import MARKED, is_punctuated, read_text, stretches
from seqkit.data.sources import REVIEWS
from seqkit.data.sources.turkish_treebank import turkish_treebank
from seqkit.data.tagged import Sentence
from seqkit.errors import UsageError
from seqkit.topologies.synced.tagging import SyncedTagging, TagBatch, TagCodec, Tagged, TaggingHead, TaggingOptions

__all__ = ["TASK", "Tag", "TagBatch", "TagCodec", "TagConfig", "Tagged", "TaggingHead", "learn_codec", "load_codec"]

learn_codec, load_codec = TagCodec.learn, TagCodec.from_json
_PUNCTUATION, _TURKISH = "punctuation", "turkish-pos"
_RUNNING_TEXT = {
    "cell": "gru",
    "hidden_size": 96,
    "min_count": 2,
    "max_symbols": 12000,
    "spelled_below": 10,
    "spelling_size": 32,
    "forgetting": 0.25,
    "features": False,
    "dropout": 0.1,
    "embedding_dropout": 0.1,
    "learning_rate": 6e-3,
    "batch_size": 16,
    "schedule": "linear",
    "epochs": 2,
}
"""For millions of words of running text: a small network, and few passes."""


@dataclass(frozen=True, kw_only=True)
class TagConfig(TaggingOptions):
    """Defaults of the task."""

    data: str = option(
        _PUNCTUATION,
        f"the data: {_PUNCTUATION}, {_TURKISH}, or a CoNLL, CoNLL-U, JSON or CSV file of tagged sentences",
        path=True,
    )
    text: str | None = option(
        None, "instead of data: a text to learn punctuation and capitals from", path=True, reads=True
    )
    reviews: int = option(12000, f"maximum number of film reviews to learn {_PUNCTUATION} from", minimum=30, reads=True)
    calibrate: bool = True
    num_layers: int = from_data(1)
    residual: bool | None = option(
        None, "add what each layer after the first reads to its outputs [where spans in many sentences have two]"
    )
    stretch: int = option(50, "maximum number of running words read together", minimum=2, reads=True)


class Tag(SyncedTagging[TagConfig]):
    """Punctuation and capitals of film reviews, parts of speech in Turkish; or any sentences with tags."""

    name = "tag"
    summary = "a label for each word: punctuation and capitals, parts of speech, names"
    config = TagConfig
    data_sets = {
        _PUNCTUATION: "film reviews without punctuation and capitals, to be restored",
        _TURKISH: "a treebank of Turkish from the web and Wikipedia, parts of speech",
    }
    data_set_options = {_PUNCTUATION: _RUNNING_TEXT}

    def read(self, config: TagConfig, notes: list[str]) -> Splits[Sentence]:
        """The three splits; those given as files stay as they are, the others are split off at random."""
        if config.text and config.data != _PUNCTUATION:
            raise UsageError("give --data, tagged sentences, or --text, a text to restore, not both")
        if config.text:
            return super().read(replace(config, data=config.text), notes)
        return _read_reviews(config) if config.data == _PUNCTUATION else super().read(config, notes)

    def read_source(self, config: TagConfig, data: str, notes: list[str]) -> list[Sentence]:
        """The treebank, a text to restore, or the tagged sentences of a file."""
        if not _is_running_text(config):
            return turkish_treebank() if data == _TURKISH else super().read_source(config, data, notes)
        sentences = list(read_text(Path(data), config.stretch, config.encoding))
        if not sentences:
            raise DataError(f"{data} has no words; give a text")
        return sentences

    def each_example(self, config: TagConfig, data: str, notes: list[str]) -> Iterator[Sentence]:
        """The sentences of a file; of a text to restore, its stretches."""
        if config.text:
            return read_text(Path(config.text), config.stretch, config.encoding)
        return super().each_example(config, data, notes)

    def scheme_of(self, config: TagConfig, train: Sequence[Sentence]) -> str | None:
        """Marks and capitals of a running text, else what the tags look like."""
        return MARKED if _is_running_text(config) else super().scheme_of(config, train)


def _is_running_text(config: TagConfig) -> bool:
    return bool(config.text) or config.data == _PUNCTUATION


def _read_reviews(config: TagConfig) -> Splits[Sentence]:
    """Film reviews of people who set commas, divided before they are cut: no review is in two splits."""
    collection = read_examples(REVIEWS.locate(), "text", "label", {"source": "imdb"})
    reviews = [review for review in collection if is_punctuated(review.text)]
    chosen = random.Random(config.seed_of_splits).sample(reviews, min(config.reviews, len(reviews)))
    splits = stratified(chosen, config.valid_fraction, config.test_fraction, config.seed_of_splits)
    return Splits(*(list(stretches(split, config.stretch)) for split in (splits.train, splits.valid, splits.test)))


TASK = Tag()
