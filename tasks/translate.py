"""Many to many, delayed: a text in other words, such as its translation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqkit.config import from_data, option
from seqkit.data import SourceLocation, Splits
from seqkit.data.pair_files import read_parallel, side_column
from seqkit.data.pairs import Pair
from seqkit.data.sources.interface_strings import interface_strings
from seqkit.data.subwords import WRITABLE
from seqkit.errors import UsageError
from seqkit.scores.written import check_installed
from seqkit.tables import Table
from seqkit.topologies.delayed import (
    Delayed,
    DelayedOptions,
    EncoderDecoderHead,
    PairBatch,
    PairCodec,
    SearchOptions,
    Side,
    Translated,
    nearest_targets,
    translation_scores,
    translation_tables,
)

__all__ = [
    "TASK",
    "PairBatch",
    "PairCodec",
    "PairConfig",
    "SearchOptions",
    "Side",
    "Translate",
    "TranslateConfig",
    "Translated",
    "TranslationHead",
    "learn_codec",
    "load_codec",
    "nearest",
    "translation_head",
]

# What the task has always called them; nothing in the topology is about translation.
PairConfig = DelayedOptions
TranslationHead = EncoderDecoderHead
learn_codec = PairCodec.learn
load_codec = PairCodec.from_json
nearest = nearest_targets
translation_head = EncoderDecoderHead.build

_DEFAULT = "jupyterlab-fr"


@dataclass(frozen=True, kw_only=True)
class TranslateConfig(DelayedOptions):
    """Defaults of the task."""

    data: str = option(_DEFAULT, f"the data: {_DEFAULT}, or a file of pairs, TSV, CSV or JSONL", path=True)
    source: str | None = option(None, "instead of data: a text file, a sentence a line ...", path=True)
    target: str | None = option(None, "... and their translations, line by line", path=True)
    reverse: bool = option(False, "translate from the target to the source")
    tokenizer: str = option("bpe", "tokens: bpe (subwords), word, char or space", choices=lambda: WRITABLE)
    joint: bool = option(False, "one tokenizer and vocabulary for both sides")
    length_penalty: float = 1.5
    learning_rate: float = 3e-3
    batch_size: int = from_data(32)


class Translate(Delayed[TranslateConfig]):
    """Strings of a user interface, English to French; or any pairs of texts."""

    name = "translate"
    summary = "a text in another language, by attention and beam search"
    config = TranslateConfig
    data_sets = {_DEFAULT: "3,000 strings of a user interface, English to French"}
    metric = "bleu"
    output_name = "translation"

    def read(self, config: TranslateConfig, notes: list[str]) -> Splits[Pair]:
        """The three splits; raises :class:`UsageError` where sacrebleu is missing: before a training, not after it."""
        check_installed()
        if not (config.source or config.target):
            return super().read(config, notes)
        if not (config.source and config.target) or config.data != _DEFAULT:
            raise UsageError("give --source and --target, two files line by line the same, or --data, a file of pairs")
        return self.divide(config, _turned(config, read_parallel(Path(config.source), Path(config.target))), notes)

    def read_source(self, config: TranslateConfig, data: str, notes: list[str]) -> Iterable[Pair]:
        """The strings of the interface, or the pairs of a file, in the direction of the task."""
        pairs = interface_strings() if data == _DEFAULT else super().read_source(config, data, notes)
        return _turned(config, pairs)

    def learn_codec(self, config: TranslateConfig, train: Sequence[Pair]) -> PairCodec:
        """Tokenizers and vocabularies of the training split."""
        pairs, names = [(pair.source, pair.references[0]) for pair in train], (config.tokenizer, config.tokenizer)
        return PairCodec.learn(pairs, names, config.max_symbols, config.min_count, config.joint, config.normal_form)

    def score(self, predictions: Sequence[Translated], examples: Sequence[Pair]) -> dict[str, float]:
        """BLEU, chrF, and the fraction of the translations that keep every placeholder."""
        return translation_scores(predictions, examples)

    def tables(self, predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
        """sacrebleu's signatures, and a few sentences."""
        return translation_tables(predictions, examples)

    def input_columns(
        self, config: TranslateConfig, codec: PairCodec | None, columns: Sequence[str], header: SourceLocation
    ) -> tuple[str, ...]:
        """The column of the source, or of the target where that is translated; a file of pairs need not name them."""
        named = config.target_column if config.reverse else config.source_column
        return (side_column(columns, named, config.reverse, header, guess=codec is not None),)


def _turned(config: TranslateConfig, pairs: Iterable[Pair]) -> Iterable[Pair]:
    return (other for pair in pairs for other in pair.reversed) if config.reverse else pairs


TASK = Translate()
