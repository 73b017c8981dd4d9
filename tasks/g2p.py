"""Many to many, delayed: how a word is said, from how it is spelled. The head is that of translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.config import option
from seqkit.data import Splits
from seqkit.data.pairs import Pair, read_pairs, usable
from seqkit.data.sources.pronunciations import cmudict, without_stress
from seqkit.scores.written import error_rates
from seqkit.tables import Table
from seqkit.topologies import Codec, Task

from . import translate
from .translate import PairCodec, PairConfig, Translated, divided, learn_codec, nearest

__all__ = ["TASK", "G2PConfig"]

_DEFAULT = "cmudict"
_SHOWN = 5
"""Words shown after each epoch."""
_MOST_WRONG = 10


@dataclass(frozen=True, kw_only=True)
class G2PConfig(PairConfig):
    """Defaults of the task."""

    data: str = option(_DEFAULT, f"the data: {_DEFAULT}, or a file of words, tabs and phonemes", path=True)
    stress: bool = option(False, "phonemes keep their marks of stress")
    max_symbols: int = option(1000, "largest vocabulary of a side", minimum=30)
    max_characters: int = option(200, "a pair with a longer side is left out", minimum=1)
    embedding_size: int = option(64, "values in a token's vector", minimum=1)
    hidden_size: int = option(512, "units of the decoder; half of them each way in the encoder", minimum=2)
    batch_size: int = option(256, "examples in a batch, at most", minimum=1)
    epochs: int = option(12, "passes over the training data, at most", minimum=1)
    learning_rate: float = option(2e-3, "peak learning rate of AdamW", above=0)
    max_extra: int = option(5, "... and so many more", minimum=1)


def read(config: G2PConfig, notes: list[str]) -> Splits[Pair]:
    """The three parts, which share no word; training has every pronunciation, the others accept any."""
    return divided(config, _read(config, config.data, notes), lambda path: _read(config, str(path), notes))


def _read(config: G2PConfig, data: str, notes: list[str]) -> list[Pair]:
    pairs = cmudict() if data == _DEFAULT else read_pairs(Path(data), config.source_column, config.target_column)
    return usable(pairs if config.stress else map(without_stress, pairs), config.max_characters, notes)


def read_file(config: G2PConfig, path: Path, codec: Codec) -> list[Pair]:
    """Words with their pronunciations, to evaluate on."""
    return _read(config, str(path), [])


def learn(config: G2PConfig, train: Sequence[Pair]) -> PairCodec:
    """Letters and phonemes of the training part."""
    pairs = [(pair.source, pair.references[0]) for pair in train]
    return learn_codec(pairs, ("char", "space"), config.max_symbols, config.min_count)


def score(predictions: Sequence[Translated], examples: Sequence[Pair]) -> dict[str, float]:
    """Errors a phoneme (per), and the part of the words with one (wer), each word held against its nearest."""
    references = [[reference.split() for reference in example.references] for example in examples]
    phonemes, words = error_rates([prediction.text.split() for prediction in predictions], references)
    return {"wer": words, "per": phonemes}


def baseline(config: G2PConfig, splits: Splits[Pair]) -> list[Translated]:
    """The pronunciation of the word of the training part that is spelled most like it, by TF-IDF over letters."""
    sources = [pair.source for pair in splits.test]
    return [Translated(text, 0.0, ()) for text in nearest(splits.train, sources, letters=True)]


def samples(predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
    """A few words, how they are said, and what the model says."""
    rows = [[e.source, " | ".join(e.references), p.text] for p, e in zip(predictions, examples, strict=True)]
    return [Table("", ["", "", ""], rows[:_SHOWN])]


def tables(predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
    """Words of the test part that were said otherwise, the surest first."""
    pairs = zip(predictions, examples, strict=True)
    wrong = [(p.score, e.source, " | ".join(e.references), p.text) for p, e in pairs if p.text not in e.references]
    rows = [list(row[1:]) for row in sorted(wrong, key=lambda row: -row[0])[:_MOST_WRONG]]
    return [Table("Most surely wrong", ["word", "said", "the model says"], rows)]


def show(prediction: Translated) -> tuple[str, dict[str, Any]]:
    """The phonemes; as JSON with their score, and others where more than one was asked for."""
    return prediction.text, prediction.facts("phonemes")


TASK: Task[G2PConfig] = Task(
    name="g2p",
    topology="many to many, delayed",
    summary="how a word is said, from how it is spelled",
    config=G2PConfig,
    data_sets={_DEFAULT: "126,000 words of American English and their phonemes"},
    metric="wer",
    higher_is_better=False,
    read=read,
    read_file=read_file,
    raw=lambda example: example.source,
    learn=learn,
    load_codec=translate.load_codec,
    head=translate.head,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    input_columns=translate.input_columns,
    from_text=str.lower,
    while_validating=translate.TASK.while_validating,
    while_predicting=translate.TASK.while_predicting,
    samples=samples,
    pictures=translate.pictures,
    amount=lambda examples: (len(examples), "words"),
    unit=lambda config: "phonemes",
    export=translate.export,
    watch=translate.watch,
)
