"""Many to many, delayed: a text in other words, such as its translation.

B batch, S source tokens, T target tokens, V symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.cells import available_cells, make_cell
from seqkit.config import TrainingConfig, option
from seqkit.data import SourceLocation, Splits
from seqkit.data.pairs import (
    Pair,
    interface_strings,
    one_reference_each,
    read_pairs,
    read_parallel,
    side_column,
    split_pairs,
    usable,
)
from seqkit.data.placeholders import find_placeholders
from seqkit.data.spacing import plain_spaces
from seqkit.data.subwords import WRITABLE
from seqkit.data.vocab import PAD, UNK
from seqkit.drawing.attention import Alignment, attention_picture
from seqkit.errors import UsageError
from seqkit.graphs import (
    Exported,
    ExternalDecoder,
    ExternalModule,
    Graph,
    Part,
    Value,
    add,
    add_start,
    flat,
    sequences,
    sizes_of,
    step_part,
    with_modules,
)
from seqkit.layers import Decoder, Encoder, Head, Loss, Source, State, TeacherForcing
from seqkit.layers.attention import ATTENTIONS
from seqkit.layers.decoder import coverage_penalty
from seqkit.layers.forcing import FORCING_SCHEDULES
from seqkit.scores.written import bleu, bleu_signature, check_installed, chrf, chrf_signature
from seqkit.search import Hypothesis, beam, greedy, length_penalty
from seqkit.search.base import Limits
from seqkit.tables import Table
from seqkit.topologies import Codec, Explanation, Task
from seqkit.topologies.delayed.codec import END, START, PairBatch, PairCodec, PairItem, Side, learn_codec, load_codec

__all__ = [
    "TASK",
    "PairBatch",
    "PairCodec",
    "PairConfig",
    "SearchOptions",
    "Side",
    "TranslateConfig",
    "Translated",
    "TranslationHead",
    "learn_codec",
    "load_codec",
    "translation_head",
]

_DEFAULT = "jupyterlab-fr"
_SHOWN = 3
"""Sentences shown after each epoch, and drawn with their attention at the end..."""
_WIDEST = 40
"""... if they have no more tokens than this."""


@dataclass(frozen=True, kw_only=True)
class PairConfig(TrainingConfig):
    """Defaults of every task that writes one sequence for another."""

    valid_data: str | None = option(None, "pairs for validation (else taken off at random)", path=True)
    test_data: str | None = option(None, "pairs for the test (else taken off at random)", path=True)
    source_column: str | None = option(None, "column of the source, in a file with named columns")
    target_column: str | None = option(None, "column of the target, in a file with named columns")
    max_characters: int = option(400, "a pair with a longer side is left out", minimum=1)
    valid_fraction: float = option(0.05, "part of the sources for validation", above=0, below=0.5)
    test_fraction: float = option(0.05, "part of the sources for the test", above=0, below=0.5)
    min_count: int = option(1, "a token seen less often in training is unknown", minimum=1)
    max_symbols: int = option(2000, "largest vocabulary of a side", minimum=30)
    cell: str = option("gru", "recurrent cell", choices=available_cells)
    cell_options: dict[str, str] = option({}, "options of the cell, such as reset=before for gru")
    embedding_size: int = option(128, "values in a token's vector", minimum=1)
    hidden_size: int = option(256, "units of the decoder; half of them each way in the encoder", minimum=2)
    num_layers: int = option(1, "recurrent layers, on each side", minimum=1)
    attention: str = option("general", "how the decoder looks at the source", choices=lambda: ATTENTIONS)
    coverage: bool = option(False, "attention learns where it has been; needs input_feeding")
    input_feeding: bool = option(False, "what attention found goes into the next step")
    tie: bool = option(True, "scores use the weights of the token vectors")
    dropout: float = option(0.3, "dropout between layers, on memory and features", minimum=0, below=1)
    embedding_dropout: float = option(0.2, "dropout on token vectors", minimum=0, below=1)
    word_dropout: float = option(0.0, "part of the source tokens left out in training", minimum=0, below=1)
    label_smoothing: float = option(0.1, "part of the target's weight that goes to all symbols", minimum=0, below=1)
    forcing: str = option(
        "constant",
        "how often the truth is read: constant, linear or inverse-sigmoid",
        choices=lambda: FORCING_SCHEDULES,
    )
    forcing_floor: float = option(1.0, "the least probability of reading the truth; 1: always", minimum=0)
    forcing_steps: int = option(1000, "steps down to it (the k of inverse-sigmoid)", minimum=1)
    beam_size: int = option(5, "hypotheses at a time; 1: greedy", minimum=1)
    length_penalty: float = option(1.0, "how much longer translations are favoured", minimum=0)
    coverage_penalty: float = option(0.0, "what unread parts of the source cost", minimum=0)
    n_best: int = option(1, "translations given for a sentence, at most beam_size", minimum=1)
    max_ratio: float = option(2.0, "tokens of a translation at most: this times those of the source ...", above=0)
    max_extra: int = option(10, "... and so many more", minimum=1)
    epochs: int = option(30, "passes over the training data, at most", minimum=1)
    learning_rate: float = option(4e-3, "peak learning rate of AdamW", above=0)
    patience: int = option(6, "evaluations without a better score before training stops; 0: never", minimum=0)


@dataclass(frozen=True, kw_only=True)
class TranslateConfig(PairConfig):
    """Defaults of the task."""

    data: str = option(_DEFAULT, f"the data: {_DEFAULT}, or a file of pairs, TSV, CSV or JSONL", path=True)
    source: str | None = option(None, "instead of data: a text file, a sentence a line ...", path=True)
    target: str | None = option(None, "... and their translations, line by line", path=True)
    reverse: bool = option(False, "translate from the target to the source")
    tokenizer: str = option("bpe", "tokens: bpe (subwords), word, char or space", choices=lambda: WRITABLE)
    joint: bool = option(False, "one tokenizer and vocabulary for both sides")
    length_penalty: float = option(1.5, "how much longer translations are favoured", minimum=0)
    learning_rate: float = option(3e-3, "peak learning rate of AdamW", above=0)
    batch_size: int = option(32, "pairs in a batch, at most", minimum=1)


@dataclass(frozen=True)
class Translated:
    """A prediction: the best text, its score, and all that were asked for, the best first."""

    text: str
    score: float
    n_best: tuple[tuple[str, float], ...]

    def facts(self, name: str) -> dict[str, Any]:
        """All that is known, for JSON; ``name`` tells what the text is."""
        best = {name: self.text, "score": self.score}
        others = [{name: text, "score": score} for text, score in self.n_best]
        return {**best, "n_best": others} if len(others) > 1 else best


@dataclass(frozen=True)
class SearchOptions:
    """How translations are searched; a beam of 1 is greedy search."""

    beam_size: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    max_ratio: float = 2.0
    max_extra: int = 10

    def __post_init__(self) -> None:
        if self.beam_size < 1:
            raise UsageError(f"beam_size must be at least 1, not {self.beam_size}")
        if not 1 <= self.n_best <= self.beam_size:
            raise UsageError(f"n_best must be between 1 and the beam_size of {self.beam_size}, not {self.n_best}")


class TranslationHead(Head):
    """An encoder, and a decoder that writes ``p(y_t | y_<t, x) = softmax(W features_t + b)``, searched by beam.

    Args:
        encoder, decoder: the decoder made with ``source=Source.of(encoder.recurrent)``.
        codec: only its symbols and its :meth:`PairCodec.write` are used.
        forcing: how often the truth is read in training.
        label_smoothing: in training, as in :func:`~seqkit.layers.losses.linear_cross_entropy`.
        search: what :meth:`predict` does unless told otherwise.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        codec: PairCodec,
        forcing: TeacherForcing | None = None,
        label_smoothing: float = 0.0,
        search: SearchOptions | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.codec = encoder, decoder, codec
        self.forcing = forcing or TeacherForcing()
        self.label_smoothing, self.search = label_smoothing, search or SearchOptions()

    def loss(self, batch: PairBatch) -> Loss:
        """Cross-entropy of the target's symbols and end, in nats; label smoothing and sampling only in training."""
        if batch.inputs is None or batch.targets is None:
            raise UsageError("the batch has no targets; make it of examples with translations")
        state = self.decoder.start(self.encoder(batch.tokens, batch.lengths))
        forcing = self.forcing() if self.training else 1.0
        features = self.decoder(batch.inputs, state, batch.target_lengths, forcing).features
        targets = batch.targets.flatten()
        real = (targets >= 0).nonzero().squeeze(1)
        flat = features.flatten(0, 1).index_select(0, real)
        smoothing = self.label_smoothing if self.training else 0.0
        total = self.decoder.nats(flat, targets[real], smoothing, self.decoder.recurrent.precision)
        return Loss(total, len(real))

    @torch.no_grad()
    def predict(self, batch: PairBatch, **options: Any) -> list[Translated]:
        """The best translations; ``options`` replace those of :class:`SearchOptions`."""
        search = SearchOptions(**{**asdict(self.search), **options})
        found = self.hypotheses(batch, search)
        return [
            _translated([(self.codec.write(h.tokens, kept), h.score) for h in row])
            for row, kept in zip(found, batch.placeholders, strict=True)
        ]

    def hypotheses(self, batch: PairBatch, search: SearchOptions) -> list[list[Hypothesis]]:
        """The ``n_best`` sequences of symbols for each source."""
        alpha, beta = search.length_penalty, search.coverage_penalty
        limits, count = self._limits(batch, search), len(batch.lengths)
        encoded = self.encoder(batch.tokens, batch.lengths)
        if search.beam_size == 1 and beta == 0:
            rows = greedy(self.decoder.step, self.decoder.start(encoded), count, limits)
            return [[_rescored(row, alpha)] for row in rows]
        state = self.decoder.start(encoded, watch=beta > 0)
        penalty = (lambda after: coverage_penalty(after, beta)) if beta > 0 else None
        return beam(
            self.decoder.step,
            state,
            count,
            limits,
            search.beam_size,
            alpha=alpha,
            n_best=search.n_best,
            penalty=penalty,
        )

    @torch.no_grad()
    def attention(self, item: PairItem) -> Tensor:
        """The weights (T, S) with which each symbol of a target, its end too, looks at those of the source."""
        batch = self.codec.collate([item])
        if batch.inputs is None:
            raise UsageError("attention is shown for a source with a target")
        weights: Tensor | None = self.decoder(
            batch.inputs, self.decoder.start(self.encoder(batch.tokens, batch.lengths))
        ).weights
        if weights is None:
            raise UsageError("this decoder has no attention")
        return weights.squeeze(0)

    def _limits(self, batch: PairBatch, search: SearchOptions) -> Limits:
        target = self.codec.target
        special = target.vocabulary.special
        return Limits(
            special(START),
            special(END),
            [
                max(int(search.max_ratio * length) + search.max_extra, len(owed))
                for length, owed in zip(batch.lengths.tolist(), batch.owed, strict=True)
            ],
            banned=[special(name) for name in (PAD, UNK, START)],
            owed=batch.owed,
            reserved=target.slots,
        )


def _translated(found: list[tuple[str, float]]) -> Translated:
    return Translated(*found[0], n_best=tuple(found))


def _rescored(found: Hypothesis, alpha: float) -> Hypothesis:
    return Hypothesis(
        found.tokens, found.log_probability / length_penalty(len(found.tokens) + 1, alpha), found.log_probability
    )


def translation_head(config: PairConfig, codec: PairCodec) -> TranslationHead:
    """A new head of these sizes."""
    shared: dict[str, Any] = {
        "embedding_size": config.embedding_size,
        "num_layers": config.num_layers,
        "dropout": config.dropout,
        "embedding_dropout": config.embedding_dropout,
        "kernel": None if config.kernel == "auto" else config.kernel,
        "precision": config.precision,
    }
    encoder = Encoder(
        len(codec.source.vocabulary),
        cell=make_cell(config.cell, **config.cell_options),
        hidden_size=(config.hidden_size + 1) // 2,
        pooling="last",
        word_dropout=config.word_dropout,
        **shared,
    )
    decoder = Decoder(
        len(codec.target.vocabulary),
        cell=make_cell(config.cell, **config.cell_options),
        hidden_size=config.hidden_size,
        source=Source.of(encoder.recurrent),
        attention=config.attention,
        coverage=config.coverage,
        input_feeding=config.input_feeding,
        tie=config.tie,
        **shared,
    )
    search = SearchOptions(**{field.name: getattr(config, field.name) for field in fields(SearchOptions)})
    forcing = TeacherForcing(config.forcing, config.forcing_floor, config.forcing_steps)
    return TranslationHead(encoder, decoder, codec, forcing, config.label_smoothing, search)


def read(config: TranslateConfig, notes: list[str]) -> Splits[Pair]:
    """The three parts; those given as files are kept as they are, the others are taken off at random."""
    check_installed()
    pairs = _usable(config, _read_data(config), notes)
    return divided(config, pairs, lambda path: _read_file(config, path, notes))


def divided(config: PairConfig, pairs: Sequence[Pair], read_part: Callable[[Path], list[Pair]]) -> Splits[Pair]:
    """Parts that share no source: those given as files, the others at random; training has each reference apart."""
    given = {"valid": config.valid_data, "test": config.test_data}
    parts = {part: read_part(Path(path)) for part, path in given.items() if path}
    splits = split_pairs(pairs, config.valid_fraction, config.test_fraction, config.seed, list(parts))
    train = one_reference_each(splits.train)
    return Splits(train, parts.get("valid", splits.valid), parts.get("test", splits.test))


def _read_data(config: TranslateConfig) -> Sequence[Pair]:
    if config.source or config.target:
        if not (config.source and config.target) or config.data != _DEFAULT:
            raise UsageError("give --source and --target, two files line by line the same, or --data, a file of pairs")
        return list(read_parallel(Path(config.source), Path(config.target)))
    if config.data == _DEFAULT:
        return list(interface_strings())
    return list(read_pairs(Path(config.data), config.source_column, config.target_column))


def _read_file(config: TranslateConfig, path: Path, notes: list[str]) -> list[Pair]:
    return _usable(config, list(read_pairs(path, config.source_column, config.target_column)), notes)


def _usable(config: TranslateConfig, pairs: Sequence[Pair], notes: list[str]) -> list[Pair]:
    turned = [other for pair in pairs for other in pair.reversed] if config.reverse else pairs
    return usable(turned, config.max_characters, notes)


def read_file(config: TranslateConfig, path: Path, codec: Codec) -> list[Pair]:
    """Pairs to evaluate on."""
    return _read_file(config, path, [])


def learn(config: TranslateConfig, train: Sequence[Pair]) -> PairCodec:
    """Tokenizers and vocabularies of the training part."""
    pairs = [(pair.source, pair.references[0]) for pair in train]
    names = (config.tokenizer, config.tokenizer)
    return learn_codec(pairs, names, config.max_symbols, config.min_count, config.joint)


def head(config: PairConfig, codec: Codec) -> TranslationHead:
    """A new head."""
    assert isinstance(codec, PairCodec)
    return translation_head(config, codec)


def score(predictions: Sequence[Translated], examples: Sequence[Pair]) -> dict[str, float]:
    """BLEU and chrF, and where sources have placeholders, the part of those that keep every one of them."""
    texts = [prediction.text for prediction in predictions]
    references = [example.references for example in examples]
    found = {"bleu": bleu(texts, references), "chrf": chrf(texts, references)}
    pairs = [(find_placeholders(e.source), text) for e, text in zip(examples, texts, strict=True)]
    kept = [sorted(wanted) == sorted(find_placeholders(text)) for wanted, text in pairs if wanted]
    return {**found, "placeholders_kept": sum(kept) / len(kept)} if kept else found


def baseline(config: TranslateConfig, splits: Splits[Pair]) -> list[Translated]:
    """The translation of the nearest sentence of the training part, by the cosine of TF-IDF over words."""
    return [Translated(text, 0.0, ()) for text in nearest(splits.train, [pair.source for pair in splits.test])]


def nearest(train: Sequence[Pair], sources: Sequence[str], letters: bool = False) -> list[str]:
    """For each source, the target of the training source that is nearest: in its words, or in 1 to 3 letters."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]")
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), dtype=np.float32) if letters else words
    known = vectorizer.fit_transform([pair.source for pair in train]).T.tocsr()
    found: list[str] = []
    for first in range(0, len(sources), 256):
        similar = (vectorizer.transform(sources[first : first + 256]) @ known).toarray()
        found += [train[number].references[0] for number in similar.argmax(1).tolist()]
    return found


def samples(predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
    """A few sentences with their references and what the model makes of them."""
    return [Table("", ["", ""], _lines(predictions[:_SHOWN], examples[:_SHOWN]))]


def _lines(predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[list[str]]:
    return [
        row
        for p, e in zip(predictions, examples, strict=True)
        for row in (
            ["source", e.source],
            ["reference", " | ".join(map(plain_spaces, e.references))],
            ["hypothesis", p.text],
        )
    ]


def tables(predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
    """sacrebleu's signatures, and a few sentences."""
    references = [example.references for example in examples]
    signatures = [["BLEU", bleu_signature(references)], ["chrF", chrf_signature(references)]]
    step = max(1, len(examples) // 5)
    rows = _lines(predictions[::step][:5], examples[::step][:5])
    return [Table("Signatures", ["", ""], signatures), Table("Some translations", ["", ""], rows)]


def pictures(head: Head, codec: Codec, predictions: Sequence[Translated], examples: Sequence[Pair]) -> dict[str, bytes]:
    """``attention.png``: what the model looked at for the first test sentences; none without matplotlib."""
    assert isinstance(head, TranslationHead) and isinstance(codec, PairCodec)
    if head.decoder.attention is None or find_spec("matplotlib") is None:
        return {}
    pairs = [replace(e, references=(p.text,)) for p, e in zip(predictions, examples, strict=True) if p.text]
    items = [codec.encode(pair.source, pair) for pair in pairs]
    drawn = [item for item in items if codec.length(item) <= _WIDEST][:_SHOWN]
    alignments = [Alignment(*codec.names(item), head.attention(item).numpy()) for item in drawn]
    return {"attention.png": attention_picture(alignments)} if alignments else {}


def input_columns(
    config: PairConfig, codec: Codec | None, columns: Sequence[str], header: SourceLocation
) -> tuple[str, ...]:
    """The column of the source, or of the target where that is translated; a file of pairs need not name them."""
    turned = getattr(config, "reverse", False)
    named = config.target_column if turned else config.source_column
    return (side_column(columns, named, turned, header, guess=codec is not None),)


def show(prediction: Translated) -> tuple[str, dict[str, Any]]:
    """The translation; as JSON with its score, and the others where more than one was asked for."""
    return prediction.text, prediction.facts("translation")


def export(head: Head, codec: Codec) -> Exported:
    """``encoder``, from ``tokens`` and ``lengths`` of a source to the decoder's first state, and ``step``, which goes
    from one to the next.

    The search stays with the user of the files. Its first token is ``<s>``, it ends with ``</s>``.
    """
    assert isinstance(head, TranslationHead) and isinstance(codec, PairCodec)
    encoder, decoder = head.encoder, head.decoder
    inputs, draw = sequences(len(codec.source.vocabulary))

    def compute(tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        return flat(decoder.start(encoder(tokens, lengths)))

    def build(graph: Graph, given: dict[str, Value]) -> dict[str, Value]:
        read = add(encoder, graph, given["tokens"], given["lengths"])
        return add_start(decoder, graph, given["tokens"], given["lengths"], read)

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        return compute(**draw(generator, lengths, time))

    def predict(runs: Mapping[str, Any], batch: PairBatch) -> list[Translated]:
        def encode(tokens: Tensor, lengths: Tensor) -> State:
            return State(runs["encoder"](tokens=tokens, lengths=lengths))

        there = with_modules(
            head, encoder=ExternalModule(encode), decoder=ExternalDecoder(runs["step"], lambda state, **_: state)
        )
        return there.predict(batch, coverage_penalty=0.0)

    start = Part("encoder", inputs, sizes_of(decoder), compute, build, draw)
    return Exported([start, step_part(decoder, sample)], codec.to_json(), predict)


def watch(head: Head, codec: Codec, raw: str) -> Explanation:
    """The log-probability of what is written, every symbol of it given those before, and the tokens of both sides."""
    assert isinstance(head, TranslationHead) and isinstance(codec, PairCodec)
    item = codec.encode(raw)
    batch = codec.collate([item])
    best = head.hypotheses(batch, head.search)[0][0]
    special = codec.target.vocabulary.special
    inputs, targets = ([[special(START), *best.tokens]], [[*best.tokens, special(END)]])
    decoded = head.decoder(torch.tensor(inputs), head.decoder.start(head.encoder(batch.tokens, batch.lengths)))
    chances = torch.log_softmax(head.decoder.logits(decoded.features), 2)
    score = chances.gather(2, torch.tensor(targets).unsqueeze(2)).sum()
    source, written = codec.names(item._replace(target=torch.tensor(list(best.tokens), dtype=torch.int64)))
    steps = {"encoder.recurrent": source, "decoder.recurrent": [START, *written]}
    return Explanation(codec.write(best.tokens, item.placeholders), score, steps, (source, [*written, END]))


TASK: Task[TranslateConfig] = Task(
    name="translate",
    topology="many to many, delayed",
    summary="a text in another language, by attention and beam search",
    config=TranslateConfig,
    data_sets={_DEFAULT: "3,000 strings of a user interface, English to French"},
    metric="bleu",
    higher_is_better=True,
    read=read,
    read_file=read_file,
    raw=lambda example: example.source,
    learn=learn,
    load_codec=load_codec,
    head=head,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    input_columns=input_columns,
    while_validating={"beam_size": 1, "n_best": 1, "coverage_penalty": 0.0},
    while_predicting=[field.name for field in fields(SearchOptions)],
    samples=samples,
    pictures=pictures,
    amount=lambda examples: (len(examples), "pairs"),
    unit=lambda config: "tokens",
    export=export,
    watch=watch,
)
