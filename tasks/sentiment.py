"""Many to one: a label for a whole text, such as the sentiment of a review."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import option
from seqkit.data import Example, read_examples
from seqkit.data.sources import REVIEWS
from seqkit.topologies.many_to_one import (
    ClassificationHead,
    Classified,
    ManyToOne,
    ManyToOneOptions,
    TextBatch,
    TextCodec,
)

__all__ = ["TASK", "Classified", "Sentiment", "SentimentConfig", "SentimentHead", "TextBatch", "TextCodec"]

SentimentHead = ClassificationHead
"""The head of the task: nothing in it is about sentiment."""
_SOURCES = {"rotten-tomatoes": "rotten_tomatoes", "imdb": "imdb"}
"""Our names of the review collections, and those in the file of the package."""


@dataclass(frozen=True, kw_only=True)
class SentimentConfig(ManyToOneOptions):
    """Defaults of the task."""

    data: str = option("rotten-tomatoes", "the data: rotten-tomatoes, imdb, or a CSV, TSV or JSONL file", path=True)


class Sentiment(ManyToOne[SentimentConfig]):
    """Film reviews, negative or positive; or any texts with labels."""

    name = "sentiment"
    summary = "a label for a whole text, such as the sentiment of a review"
    config = SentimentConfig
    data_sets = {
        "rotten-tomatoes": "8,530 sentences from film reviews, 2 classes",
        "imdb": "25,000 long film reviews, 2 classes",
    }

    def read_source(self, config: SentimentConfig, data: str, notes: list[str]) -> list[Example]:
        """The reviews of a collection, or the examples of a file."""
        if data not in _SOURCES:
            return super().read_source(config, data, notes)
        labels = {"0": "negative", "1": "positive"}
        return read_examples(REVIEWS.locate(), "text", "label", {"source": _SOURCES[data]}, labels, notes)


TASK = Sentiment()
