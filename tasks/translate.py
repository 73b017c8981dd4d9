"""Many to many, delayed: a text from another text, such as its translation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seqkit.config import from_data, option
from seqkit.data import SourceLocation, Splits
from seqkit.data.pair_files import read_parallel, side_column
from seqkit.data.pairs import Pair, each_usable, usable
from seqkit.data.prepared import count_of
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
from seqkit.training.recipe import derived

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
_MANY, _UNITS_OF_MANY = 10_000, 384
"""From so many pairs on, a layer has so many units."""


@dataclass(frozen=True, kw_only=True)
class TranslateConfig(DelayedOptions):
    """Defaults of the task."""

    data: str = option(_DEFAULT, f"the data: {_DEFAULT}, or a file of pairs, TSV, CSV or JSONL", path=True)
    source: str | None = option(None, "instead of data: a text file, one sentence per line ...", path=True, reads=True)
    target: str | None = option(None, "... and their translations, line by line", path=True, reads=True)
    valid_source: str | None = option(
        None, "instead of valid_data: a text file, one sentence per line ...", path=True, reads=True
    )
    valid_target: str | None = option(None, "... and their translations", path=True, reads=True)
    test_source: str | None = option(
        None, "instead of test_data: a text file, one sentence per line ...", path=True, reads=True
    )
    test_target: str | None = option(None, "... and their translations", path=True, reads=True)
    reverse: bool = option(False, "translate from the target to the source", reads=True)
    tokenizer: str = option("bpe", "tokens: bpe (subwords), word, char or space", choices=lambda: WRITABLE)
    joint: bool = option(False, "one tokenizer and vocabulary for both sides")
    # Of a few dozen sentences BLEU, which looks for four words in a row, is mostly luck; chrF looks for letters.
    select: str | None = "chrf"
    memory: int = 5000
    # Of 1,000 pairs of Tatoeba learned, others got 9.5 BLEU with it and chrF, 8.5 without both.
    lexical: bool = True
    length_penalty: float = 1.5
    learning_rate: float = 3e-3
    hidden_size: int = from_data(256)
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
        data = None if config.data == _DEFAULT else config.data
        train = _parallel(config, "", data)
        named = {"valid": (config.valid_data, "valid-"), "test": (config.test_data, "test-")}
        pairs = {split: _parallel(config, prefix, data) for split, (data, prefix) in named.items()}
        given = {
            split: usable(found, config.max_characters, notes) for split, found in pairs.items() if found is not None
        }
        return self.divide(
            config, self.read_source(config, config.data, notes) if train is None else train, notes, given
        )

    def recipe(self, config: TranslateConfig, splits: Splits[Pair]) -> TranslateConfig:
        """The rules, and more units for many pairs."""
        config = super().recipe(config, splits)
        units = _UNITS_OF_MANY if count_of(splits.train) >= _MANY else None
        return replace(config, hidden_size=derived(config, "hidden_size", units))

    def read_parallel(self, config: TranslateConfig, source: Path, target: Path, notes: list[str]) -> list[Pair]:
        """Pairs to evaluate on, of two files with matching lines."""
        return usable(_turned(config, read_parallel(source, target, config.encoding)), config.max_characters, notes)

    def each_example(self, config: TranslateConfig, data: str | Path, notes: list[str]) -> Iterator[Pair]:
        """The pairs of a file, or of two with matching lines, one after the other."""
        if config.valid_source or config.test_source:
            raise UsageError("the data are too large to be read as a whole: give --valid-data and --test-data instead")
        pairs = _parallel(config, "", None if data == _DEFAULT else data) if data == config.data else None
        if pairs is None:
            return super().each_example(config, data, notes)
        return each_usable(pairs, config.max_characters, notes)

    def read_source(self, config: TranslateConfig, data: str | Path, notes: list[str]) -> Iterable[Pair]:
        """The strings of the interface, or the pairs of a file, in the direction of the task."""
        pairs = interface_strings() if data == _DEFAULT else super().read_source(config, data, notes)
        return _turned(config, pairs)

    def learn_codec(self, config: TranslateConfig, train: Sequence[Pair]) -> PairCodec:
        """Tokenizers and vocabularies of the training split."""
        pairs, names = [(pair.source, pair.references[0]) for pair in train], (config.tokenizer, config.tokenizer)
        return PairCodec.learn(
            pairs,
            names,
            config.max_symbols,
            config.min_count,
            config.joint,
            config.normal_form,
            config.memory,
            config.joint_ngrams,
        )

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


def _parallel(config: TranslateConfig, prefix: str, data: str | None) -> Iterable[Pair] | None:
    """The pairs of the two files of a split; None if there are none, but perhaps one file of pairs."""
    source, target = (getattr(config, f"{prefix}{side}".replace("-", "_")) for side in ("source", "target"))
    if not (source or target):
        return None
    if not (source and target) or data:
        raise UsageError(
            f"give --{prefix}source and --{prefix}target, two files with matching lines, or --{prefix}data, a file "
            "of pairs"
        )
    return _turned(config, read_parallel(Path(source), Path(target), config.encoding))


def _turned(config: TranslateConfig, pairs: Iterable[Pair]) -> Iterable[Pair]:
    return (other for pair in pairs for other in pair.reversed) if config.reverse else pairs


TASK = Translate()
