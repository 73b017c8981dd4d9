"""Many to many, delayed: a word's pronunciation from its spelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seqkit.config import from_data, option
from seqkit.data import Splits
from seqkit.data.pairs import Pair
from seqkit.data.prepared import count_of
from seqkit.data.pronunciations import ENTRY, pronunciations, typed_entry
from seqkit.data.sources.pronunciations import cmudict, without_stress
from seqkit.tables import Table
from seqkit.topologies.delayed import (
    Delayed,
    DelayedOptions,
    PairCodec,
    Translated,
    confident_mistakes,
    nearest_targets,
    symbol_error_rates,
)
from seqkit.training.recipe import Recipe, derived

__all__ = ["G2P", "TASK", "G2PConfig"]

_DEFAULT = "cmudict"
_SAMPLES = 5
"""Words shown after each epoch"""
_FEW, _UNITS_OF_FEW = 3_100, 256
"""Pronunciations to learn from, at most, for which half of the units do: those of 3,000 words.

A step takes half of the time. After 1,000 words 0.602 of 6,303 others were wrong, with 512 units 0.634; after 3,000
words 0.486 and 0.472.
"""


@dataclass(frozen=True, kw_only=True)
class G2PConfig(DelayedOptions):
    """Defaults of the task."""

    data: str = option(_DEFAULT, f"the data: {_DEFAULT}, or a file of words, tabs and phonemes", path=True)
    stress: bool = option(False, "keep stress marks on phonemes", reads=True)
    max_symbols: int = 1000
    max_characters: int = 200
    embedding_size: int = 64
    hidden_size: int = from_data(512)
    # Of a few dozen words the fraction with an error is mostly luck, that of the phonemes is less so.
    select: str | None = "per"
    batch_size: int = from_data(256)
    epochs: int = from_data(12)
    learning_rate: float = 2e-3
    # Letters and phonemes go hand in hand: of 950 words learned, 0.667 of others were wrong with it, 0.695 without.
    guidance: float = 1.0
    # ... and 0.655 with this and the choice by phonemes, too, 0.680 without both.
    lexical: bool = True
    # Letters and phonemes go hand in hand: of 3,240 words learned, 0.53 of others were wrong without it, 0.49 with it.
    joint_ngrams: int = 5
    # ... and the network alone errs in 0.507 to 0.518 of 1,500 other words with this, 0.529 without it, after 3,600.
    tagging: float = 0.5
    max_extra: int = 5


class G2P(Delayed[G2PConfig]):
    """Words of a dictionary and their phonemes, which are written with spaces between them."""

    name = "g2p"
    summary = "a word's pronunciation from its spelling"
    config = G2PConfig
    data_sets = {_DEFAULT: "126,000 words of American English and their phonemes"}
    metric = "wer"
    higher_is_better = False
    writes_symbols = True
    reads = ENTRY
    output_name = "phonemes"
    rules = Recipe(steps=2500, least_batch=32, most_batch=256, least_epochs=12, patience=3)

    def recipe(self, config: G2PConfig, splits: Splits[Pair]) -> G2PConfig:
        """The rules, and fewer units for few words."""
        config = super().recipe(config, splits)
        units = _UNITS_OF_FEW if count_of(splits.train) <= _FEW else None
        return replace(config, hidden_size=derived(config, "hidden_size", units))

    def read_source(self, config: G2PConfig, data: str | Path, notes: list[str]) -> Iterable[Pair]:
        """The words of the dictionary, or of a file."""
        if data != _DEFAULT:
            return pronunciations(super().read_source(config, data, notes), notes, config.stress)
        return cmudict() if config.stress else map(without_stress, cmudict())

    def learn_codec(self, config: G2PConfig, train: Sequence[Pair]) -> PairCodec:
        """Letters and phonemes of the training split."""
        pairs = [(pair.source, pair.references[0]) for pair in train]
        return PairCodec.learn(
            pairs,
            ("char", "space"),
            config.max_symbols,
            config.min_count,
            normal_form=config.normal_form,
            memory=config.memory,
            joint_ngrams=config.joint_ngrams,
        )

    def score(self, predictions: Sequence[Translated], examples: Sequence[Pair]) -> dict[str, float]:
        """Errors per phoneme (per), and the fraction of the words with one (wer); any pronunciation is accepted."""
        phonemes, words = symbol_error_rates(predictions, examples)
        return {"wer": words, "per": phonemes}

    def baseline_name(self, config: G2PConfig) -> str:
        """In words."""
        return "the phonemes of the word spelled most alike"

    def predict_baseline(self, config: G2PConfig, splits: Splits[Pair]) -> list[Translated]:
        """The pronunciation of the training word that is spelled most like it, by TF-IDF over letters."""
        words = [pair.source for pair in splits.test]
        return [Translated(text, 0.0, ()) for text in nearest_targets(splits.train, words, letters=True)]

    def size(self, examples: Sequence[Pair]) -> tuple[int, str]:
        """Words."""
        return len(examples), "words"

    def unit(self, config: G2PConfig) -> str:
        """Phonemes."""
        return "phonemes"

    def samples(self, predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
        """A few words, how they are said, and what the model says."""
        rows = [[e.source, " | ".join(e.references), p.text] for p, e in zip(predictions, examples, strict=True)]
        return [Table("", ["", "", ""], rows[:_SAMPLES])]

    def tables(self, predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
        """Words that the model says otherwise, the most confident mistakes first."""
        return [
            confident_mistakes("Most confident mistakes", ["word", "said", "the model says"], predictions, examples)
        ]

    def parse_input(self, text: str) -> str:
        """Dictionaries are in lower case, and number the pronunciations of a word: ``read(2)``.

        An entry of one is its word: what follows two spaces is how it is said.
        """
        return typed_entry(text)


TASK = G2P()
