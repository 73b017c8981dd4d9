"""Many to many, delayed: a sequence is read to its end before another one, as long as it likes, is written."""

from seqkit.answers.written import Translated
from seqkit.topologies.delayed.codec import END, START, PairBatch, PairCodec, PairItem, Side
from seqkit.topologies.delayed.head import EncoderDecoderHead
from seqkit.topologies.delayed.options import DelayedOptions
from seqkit.topologies.delayed.scores import (
    confident_mistakes,
    nearest_targets,
    symbol_error_rates,
    translation_scores,
    translation_tables,
)
from seqkit.topologies.delayed.search import SearchOptions
from seqkit.topologies.delayed.task import Delayed

__all__ = [
    "END",
    "START",
    "Delayed",
    "DelayedOptions",
    "EncoderDecoderHead",
    "PairBatch",
    "PairCodec",
    "PairItem",
    "SearchOptions",
    "Side",
    "Translated",
    "confident_mistakes",
    "nearest_targets",
    "symbol_error_rates",
    "translation_scores",
    "translation_tables",
]
