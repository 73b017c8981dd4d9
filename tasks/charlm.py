"""Many to many, next step: a language model of characters, bytes or words, which can continue a text."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import option
from seqkit.data import Splits, read_examples, stratified
from seqkit.data.corpus import Corpus, Stretch, stretch
from seqkit.data.sources import REVIEWS
from seqkit.data.sources.python_reference import python_reference
from seqkit.topologies.next_step import LanguageModelHead, NextStep, NextStepOptions, Scored, StreamCodec, Text

__all__ = ["TASK", "CharLM", "CharLMConfig", "CharLMHead", "Scored", "StreamCodec", "Text"]

CharLMHead = LanguageModelHead
"""The head of the task: nothing in it is about characters."""


@dataclass(frozen=True, kw_only=True)
class CharLMConfig(NextStepOptions):
    """Defaults of the task."""

    data: str = option(
        "python-reference", "the data: python-reference, imdb, a text file, or a folder of text files", path=True
    )


class CharLM(NextStep[CharLMConfig]):
    """Python's reference, character by character; film reviews, word by word; or any text."""

    name = "charlm"
    summary = "the next character, and so text of any length"
    config = CharLMConfig
    data_sets = {
        "python-reference": "the Python language reference, 465,000 characters",
        "imdb": "25,000 film reviews, 6 million words; what sentiment can start from",
    }
    # A model of words, from which the encoder of a task on reviews can start.
    data_set_options = {
        "imdb": {
            "valid_fraction": 0.1,
            "test_fraction": 0.1,
            "tokenizer": "word",
            "max_symbols": 10000,
            "embedding_size": 256,
            "hidden_size": 256,
            "tie": True,
            "epochs": 3,
            "learning_rate": 3e-3,
            "precision": "bf16",
        }
    }

    def read_source(self, config: CharLMConfig, data: str, notes: list[str]) -> Corpus:
        """Python's reference, or the text of a file or folder."""
        return python_reference() if data == "python-reference" else super().read_source(config, data, notes)

    def read(self, config: CharLMConfig, notes: list[str]) -> Splits[Stretch]:
        """The splits of the reviews are those of ``sentiment``; any other text is cut into stretches."""
        return _review_splits(config) if config.data == "imdb" else super().read(config, notes)


def _review_splits(config: CharLMConfig) -> Splits[Stretch]:
    """A review a line, in the splits of ``sentiment --data imdb``: what is tested there is never read here."""
    reviews = read_examples(REVIEWS.locate(), "text", "label", {"source": "imdb"})
    splits = stratified(reviews, config.valid_fraction, config.test_fraction, config.seed_of_splits)

    def joined(split: str) -> list[Stretch]:
        lines = [" ".join(review.text.split()) for review in getattr(splits, split)]
        return [stretch(Corpus(f"imdb ({split})", ("\n".join(lines).encode(),)))]

    return Splits(joined("train"), joined("valid"), joined("test"))


TASK = CharLM()
