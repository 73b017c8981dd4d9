"""Many to many, next step: a language model of characters, bytes or words, which can go on with a text.

B rows, T steps, V symbols.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.cells import available_cells, make_cell
from seqkit.config import TrainingConfig, option
from seqkit.data import (
    TOKENIZERS,
    Splits,
    Tokenizer,
    Vocabulary,
    read_examples,
    stratified,
    tokenizer,
    tokenizer_from_json,
)
from seqkit.data.corpus import (
    Corpus,
    Stretch,
    column_corpus,
    contiguous,
    memory_map,
    open_corpus,
    python_reference,
    stretch,
)
from seqkit.data.sources import REVIEWS
from seqkit.graphs import Exported, ExternalDecoder, flat, step_part, with_modules
from seqkit.layers import Decoder, DecoderState, Head, Loss, State
from seqkit.layers.recall import Past
from seqkit.search import Sampling, sample
from seqkit.tables import Table
from seqkit.topologies import Codec, EncodingReport, Explanation, Task
from seqkit.training import Chunk, Evaluation, StreamBatches

__all__ = ["TASK", "CharLMConfig", "CharLMHead", "Scored", "StreamCodec", "Text"]

_STEPS = 1024
"""Tokens of a row that are read at a time where no gradient is wanted: memory does not grow with the text."""
_STRETCHES = 16
"""A long text is scored as so many stretches side by side..."""
_LEAD = 256
"""... each of which first reads so many tokens of the one before it, so that none begins without a context."""
_PAST = "past."
"""Before the names of what a decoder with recall carries on."""
_REVIEWS = "imdb"
"""The data set of film reviews; its options are for a model of words, from which others may start."""
_OF_REVIEWS = {
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
_BASELINE_BYTES = 4_000_000
"""The baseline counts n-grams in so much of the training part at most, its end."""


@dataclass(frozen=True, kw_only=True)
class CharLMConfig(TrainingConfig):
    """Defaults of the task."""

    data: str = option(
        "python-reference", "the data: python-reference, imdb, a text file, or a folder of text files", path=True
    )
    valid_data: str | None = option(None, "text for validation (else a stretch of the data)", path=True)
    test_data: str | None = option(None, "text for the test (else the end of the data)", path=True)
    text_column: str | None = option(None, "a column of a CSV, TSV or JSONL file: its texts, a row a line")
    valid_fraction: float = option(0.05, "part of the data for validation, before the test part", above=0, below=0.5)
    test_fraction: float = option(0.05, "part of the data for the test, its end", above=0, below=0.5)
    tokenizer: str = option("char", "what is predicted: word, char or byte", choices=lambda: TOKENIZERS)
    min_count: int = option(1, "a token seen less often in training is unknown", minimum=1)
    max_symbols: int = option(30000, "largest vocabulary", minimum=3)
    streams: int = option(32, "stretches of the text that are read in parallel, at most", minimum=1)
    chunk: int = option(64, "steps that gradients go back", minimum=1)
    cell: str = option("lstm", "recurrent cell", choices=available_cells)
    cell_options: dict[str, str] = option({}, "options of the cell, such as reset=before for gru")
    embedding_size: int = option(64, "values in a token's vector", minimum=1)
    hidden_size: int = option(256, "units of a cell", minimum=1)
    num_layers: int = option(1, "recurrent layers", minimum=1)
    tie: bool = option(False, "scores use the weights of the token vectors")
    recall: int = option(0, "steps of the past that attention looks back on; 0: no attention", minimum=0)
    dropout: float = option(0.1, "dropout between layers and on the outputs", minimum=0, below=1)
    weight_dropout: float = option(0.0, "dropout on recurrent weights", minimum=0, below=1)
    embedding_dropout: float = option(0.0, "dropout on token vectors", minimum=0, below=1)
    epochs: int = option(12, "passes over the training text, at most", minimum=1)
    learning_rate: float = option(6e-3, "peak learning rate of AdamW", above=0)
    batch_size: int = option(64, "texts scored together, at most", minimum=1)
    batch_tokens: int = option(8192, "tokens scored together, at most", minimum=1)


class Text(NamedTuple):
    """A text as numbers: tokens (N), perhaps a memory map; what they stand for; and how many are unknown."""

    tokens: np.ndarray
    characters: int
    """Code points"""
    unknown: int


@dataclass(frozen=True)
class Scored:
    """A prediction: what a text costs the model, in nats, over how many tokens (how many unknown) and characters."""

    nats: float
    tokens: int
    characters: int
    unknown: int
    pieces: tuple[tuple[float, int], ...] = field(default=(), compare=False, repr=False)
    """Nats and tokens of the pieces that it was read in, of 1024 tokens at most."""

    @property
    def bits_per_character(self) -> float:
        """0 for an empty text."""
        return self.nats / math.log(2) / max(1, self.characters)


class CharLMHead(Head):
    """Next step: ``softmax(W h_t + b)`` over the token at t + 1, with ``h_t`` from a recurrent layer.

    Truncated back-propagation: :meth:`loss` starts from the state that a chunk comes with and hands on its last one,
    cut from the graph.

    Args:
        decoder: without a source.
        start: the token that stands before the first of a text.
        banned: symbols that are never written.
    """

    ban: Tensor

    def __init__(self, decoder: Decoder, start: int = 0, banned: Sequence[int] = (0,)) -> None:
        super().__init__()
        self.decoder, self.start = decoder, start
        ban = torch.zeros(decoder.embedding.num_embeddings).index_fill_(0, torch.tensor(banned), -torch.inf)
        self.register_buffer("ban", ban, persistent=False)

    def loss(self, batch: Chunk) -> Loss:
        """Cross-entropy of the targets, in nats; negative targets count nothing."""
        features, state = self._read(batch.tokens, None if batch.state is None else _carry_on(batch.state))
        total = self._nats(features, batch.targets, self.decoder.recurrent.precision)
        return Loss(total, int((batch.targets >= 0).sum()), _carried(state.detach()))

    @torch.no_grad()
    def predict(
        self, batch: Sequence[Text], between: Callable[[], None] = lambda: None, **options: Any
    ) -> list[Scored]:
        """What each text costs, every token given all before it; ``between`` is called now and then.

        A text of more than 16 · 1024 tokens is read as 16 stretches side by side, each after 256 tokens of the one
        before. Memory is bounded however long the texts are.
        """
        rows = [row for number, text in enumerate(batch) for row in _rows(number, len(text.tokens))]
        nats = torch.zeros(len(batch), dtype=torch.float64)
        pieces: list[list[tuple[float, int]]] = [[] for _ in batch]
        owner = torch.tensor([row.text for row in rows], dtype=torch.int64)
        state: DecoderState | None = None
        longest = max((row.stop - row.start for row in rows), default=0)
        for first in range(0, longest, _STEPS):
            steps = min(_STEPS, longest - first)
            parts = [self._window(batch[row.text].tokens, row, first, steps) for row in rows]
            tokens, targets = (torch.from_numpy(np.stack(side)) for side in zip(*parts, strict=True))
            lengths = torch.tensor([min(max(0, row.stop - row.start - first), steps) for row in rows])
            features, state = self._read(tokens, state, lengths)
            found = [self._nats(*pair) for pair in zip(features, targets, strict=True)]
            costs = torch.stack(found).double()
            nats.index_add_(0, owner, costs)
            for row, cost, counted in zip(rows, costs.tolist(), (targets >= 0).sum(1).tolist(), strict=True):
                pieces[row.text] += [(cost, counted)] if counted else []
            between()
        return [
            Scored(cost, len(text.tokens), text.characters, text.unknown, tuple(several))
            for cost, text, several in zip(nats.tolist(), batch, pieces, strict=True)
        ]

    def write(self, prompt: Tensor, sampling: Sampling) -> Iterator[int]:
        """Tokens that go on with the prompt (N), one at a time and without end."""
        decoder, ban = self.decoder, self.ban

        @torch.no_grad()
        def step(token: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
            logits, state = decoder.step(token, state)
            return logits.add_(ban), state

        drawn = sample(
            step,
            *self._begin(prompt),
            torch.Generator().manual_seed(sampling.seed),
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
        )
        yield from map(int, drawn)

    @torch.no_grad()
    def _begin(self, prompt: Tensor) -> tuple[DecoderState, Tensor]:
        """The state before the last token of a prompt (N), and that token; of an empty one, what stands before it."""
        given = torch.cat([torch.tensor([self.start]), prompt])
        state = self.decoder.start()
        for part in given[:-1].split(_STEPS):
            if len(part):
                state = self.decoder(part.unsqueeze(0), state).state
        return state, given[-1:]

    def _read(
        self, tokens: Tensor, state: DecoderState | None, lengths: Tensor | None = None
    ) -> tuple[Tensor, DecoderState]:
        decoded = self.decoder(tokens, state or self.decoder.start(batch_size=len(tokens)), lengths)
        return decoded.features, decoded.state

    def _nats(self, features: Tensor, targets: Tensor, precision: str = "f32") -> Tensor:
        return self.decoder.nats(features.flatten(0, -2), targets.flatten(), precision=precision)

    def _window(self, tokens: np.ndarray, row: _Row, first: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """What a row reads and what it is to say in the steps from ``first`` on; -1 where nothing is counted."""
        start, stop = row.start + first, min(row.stop, row.start + first + steps)
        given, targets = np.zeros(steps, np.int64), np.full(steps, -1)
        if start < stop:
            given[: stop - start] = [self.start, *tokens[: stop - 1]] if start == 0 else tokens[start - 1 : stop - 1]
            counted = max(start, row.counted)
            targets[counted - start : stop - start] = tokens[counted:stop]
        return given, targets


def _carried(state: DecoderState) -> State:
    """The state of a decoder without a source as named tensors, which a checkpoint can hold."""
    past = {} if state.past is None else {_PAST + name: tensor for name, tensor in state.past._asdict().items()}
    return State({**state.recurrent, **past})


def _carry_on(tensors: State) -> DecoderState:
    """What :func:`_carried` was made of."""
    past = {name.removeprefix(_PAST): tensor for name, tensor in tensors.items() if name.startswith(_PAST)}
    recurrent = {name: tensor for name, tensor in tensors.items() if not name.startswith(_PAST)}
    return DecoderState(State(recurrent), past=Past(**past) if past else None)


class _Row(NamedTuple):
    """A stretch of a text that is scored in one row of a batch: tokens start to stop are read, those from counted on
    are scored."""

    text: int
    start: int
    counted: int
    stop: int


def _rows(number: int, tokens: int) -> list[_Row]:
    if tokens <= _STRETCHES * _STEPS:
        return [_Row(number, 0, 0, tokens)]
    edges = [tokens * n // _STRETCHES for n in range(_STRETCHES + 1)]
    return [_Row(number, max(0, a - _LEAD), a, b) for a, b in pairwise(edges)]


@dataclass(frozen=True)
class StreamCodec(Codec):
    """Texts, in memory or in files, to tokens and back."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary

    def encode(self, raw: str | Stretch, example: Stretch | None = None) -> Text:
        """All tokens of a text; those of a stretch of files as a memory map."""
        unknown: list[int] = []

        def counted(text: str) -> list[int]:
            # Counted here: to count in the map would bring every page of it into memory.
            numbers = self._numbers(text)
            unknown.append(numbers.count(self.vocabulary.unk))
            return numbers

        if isinstance(raw, str):
            return Text(np.array(counted(raw), dtype=np.int64), len(raw), sum(unknown))
        tokens = memory_map(map(counted, raw.blocks()), len(self.vocabulary))
        return Text(tokens, raw.characters, sum(unknown))

    def account(self, raw: str | Stretch, example: Stretch | None = None) -> EncodingReport:
        """Tokens, and those that are unknown."""
        symbols, unknown = 0, list[str]()
        for block in [raw] if isinstance(raw, str) else raw.blocks():
            tokens = self.tokenizer.split(block)
            symbols += len(tokens)
            unknown += [token for token in tokens if token not in self.vocabulary]
        return EncodingReport(symbols, 0, unknown)

    def length(self, item: Text) -> int:
        """Tokens."""
        return len(item.tokens)

    def collate(self, items: Sequence[Text]) -> list[Text]:
        """The texts as they are: a batch of them may be longer than memory."""
        return list(items)

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the decoder reads and writes."""
        return {"decoder.embedding": self.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json``."""
        return {"vocab.json": {"tokenizer": self.tokenizer.to_json(), **self.vocabulary.to_json()}}

    @property
    def start(self) -> int:
        """What stands before the first token of a text: a line break, else a full stop, else an unknown token.

        It must be a token that training has read: after another one a model may write nonsense and never find back.
        """
        ends = [token for text in ("\n", ".") for token in self.tokenizer.split(text) if token in self.vocabulary]
        return self.vocabulary.index(ends[0]) if ends else self.vocabulary.unk

    def text(self, numbers: Iterator[int], before: str = "") -> Iterator[str]:
        """Pieces of text, each as soon as it is certain: whole characters where tokens are bytes."""
        context = self.tokenizer.split(before)[-1:]
        held: list[str] = []
        for number in numbers:
            held.append(self.vocabulary.symbols[number])
            text = self.tokenizer.join([*context, *held])
            # The bytes of a character end in U+FFFD until they are complete; four of them make one or never will.
            if text.endswith("\ufffd") and len(held) < 4:
                continue
            yield text[len(self.tokenizer.join(context)) :]
            context, held = held, []
        if held:
            yield self.tokenizer.join(held)

    def _numbers(self, text: str) -> list[int]:
        return self.vocabulary.encode(self.tokenizer.split(text))


def load_codec(files: Mapping[str, Any]) -> StreamCodec:
    """The codec of a run, from the content of its files."""
    vocab = files["vocab.json"]
    vocabulary = Vocabulary.from_json(vocab, "vocab.json")
    return StreamCodec(tokenizer_from_json(vocab["tokenizer"]), vocabulary)


def read(config: CharLMConfig, notes: list[str]) -> Splits[Stretch]:
    """Training, validation and test as contiguous stretches in this order; files given for a part are that part."""
    if config.data == _REVIEWS:
        return _reviews(config)
    given = {"valid": config.valid_data, "test": config.test_data}
    fractions = {"valid": config.valid_fraction, "test": config.test_fraction}
    cut = {part: fractions[part] for part, path in given.items() if not path}
    corpus = python_reference() if config.data == "python-reference" else _corpus(config, config.data, notes)
    train, *others = contiguous(corpus, [1 - sum(cut.values()), *cut.values()])
    parts = dict(zip(cut, others, strict=True))
    parts.update({part: stretch(_corpus(config, path, notes)) for part, path in given.items() if path})
    return Splits([train], [parts["valid"]], [parts["test"]])


def _reviews(config: CharLMConfig) -> Splits[Stretch]:
    """A review a line, in the parts that `sentiment --data imdb` has: what its test holds is never read here."""
    reviews = read_examples(REVIEWS.locate(), "text", "label", {"source": _REVIEWS})
    parts = stratified(reviews, config.valid_fraction, config.test_fraction, config.seed)

    def joined(part: str) -> list[Stretch]:
        lines = [" ".join(review.text.split()) for review in getattr(parts, part)]
        return [stretch(Corpus(f"{_REVIEWS} ({part})", ("\n".join(lines).encode(),)))]

    return Splits(joined("train"), joined("valid"), joined("test"))


def read_file(config: CharLMConfig, path: Path, codec: Codec) -> list[Stretch]:
    """A text to score the model on."""
    return [stretch(_corpus(config, str(path), []))]


def _corpus(config: CharLMConfig, data: str, notes: list[str]) -> Corpus:
    path = Path(data)
    return open_corpus(path, notes) if config.text_column is None else column_corpus(path, config.text_column)


def learn(config: CharLMConfig, train: Sequence[Stretch]) -> StreamCodec:
    """Vocabulary of the training part."""
    tokens = tokenizer(config.tokenizer)
    blocks = (tokens.split(block) for part in train for block in part.blocks())
    return StreamCodec(tokens, Vocabulary.build(blocks, config.min_count, config.max_symbols))


def head(config: CharLMConfig, codec: Codec) -> CharLMHead:
    """A new head."""
    assert isinstance(codec, StreamCodec)
    decoder = Decoder(
        len(codec.vocabulary),
        config.embedding_size,
        cell=make_cell(config.cell, **config.cell_options),
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        tie=config.tie,
        recall=config.recall,
        dropout=config.dropout,
        weight_dropout=config.weight_dropout,
        embedding_dropout=config.embedding_dropout,
        pad=codec.vocabulary.pad,
        kernel=None if config.kernel == "auto" else config.kernel,
        precision=config.precision,
    )
    return CharLMHead(decoder, codec.start, (codec.vocabulary.pad, codec.vocabulary.unk))


def batches(codec: Codec, items: Sequence[Text], config: CharLMConfig) -> StreamBatches:
    """The training part as parallel streams."""
    return StreamBatches(items[0].tokens, config.streams, config.chunk, config.seed)


def validate(
    config: CharLMConfig, codec: Codec, head: Head, items: Sequence[Text], check: Callable[[], None]
) -> Evaluation:
    """Scores of the validation part, and a line of what the model writes by now."""
    assert isinstance(head, CharLMHead)
    found = head.predict(items, between=check)
    # A text begins in few ways; what the model can do shows in its middle.
    line = "".join(generate(head, codec, "", Sampling(length=400, temperature=0.8, seed=config.seed), []))
    sample = Table("", [""], [[" ".join(line.split())[-78:]]])
    return Evaluation({"loss": math.log(score(found, [])["perplexity"]), **score(found, [])}, [sample])


def score(predictions: Sequence[Scored], examples: Sequence[Stretch]) -> dict[str, float]:
    """Bits (bpc) and nats per character, and the perplexity per token."""
    nats, tokens, characters = (sum(getattr(p, name) for p in predictions) for name in ("nats", "tokens", "characters"))
    each = nats / max(1, characters)
    perplexity = math.exp(min(700.0, nats / max(1, tokens)))
    return {"bpc": each / math.log(2), "nats_per_character": each, "perplexity": perplexity}


def baseline(config: CharLMConfig, splits: Splits[Stretch]) -> list[Scored]:
    """A 5-gram model of the same tokens, from the last 4,000,000 bytes of the training part, on the same test part."""
    train = splits.train[0].tail(_BASELINE_BYTES)
    codec = learn(config, [train])
    test = codec.encode(splits.test[0])
    nats = witten_bell(codec.encode(train).tokens, test.tokens, len(codec.vocabulary))
    pieces = tuple((float(part.sum()), len(part)) for part in np.split(nats, range(_STEPS, len(nats), _STEPS)))
    return [Scored(float(nats.sum()), len(nats), test.characters, 0, pieces)]


def witten_bell(train: np.ndarray, test: np.ndarray, symbols: int, order: int = 5) -> np.ndarray:
    """Nats of each token of the test under an n-gram model of the training part, interpolated Witten-Bell smoothing.

    ``p(w | h) = (c(hw) + t(h) p(w | h')) / (c(h) + t(h))`` with counts c, the number t(h) of different tokens seen
    after h, and h' = h without its first token; below the empty history all symbols are alike.

    Source: Chen and Goodman, 1998, TR-10-98, Harvard University.
    """
    tokens = np.concatenate([train, test]).astype(np.int64)
    known = len(train)
    history = np.zeros(len(tokens), np.int64)
    chance = np.full(len(test), 1 / symbols)
    for before in range(order):
        grams, gram = np.unique(history * symbols + tokens, return_inverse=True)
        counts = np.bincount(gram[before:known], minlength=len(grams))
        owner = grams // symbols
        seen, different = np.bincount(owner, counts), np.bincount(owner, counts > 0)
        here = history[known:]
        mixed = counts[gram[known:]] + different[here] * chance
        chance = np.where(seen[here] > 0, mixed / np.maximum(1, seen[here] + different[here]), chance)
        # What precedes a token in the next order is the n-gram that ends just before it.
        history = np.concatenate([gram[:1], gram[:-1]])
    nats: np.ndarray = -np.log(chance)
    return nats


def generate(head: Head, codec: Codec, prompt: str, sampling: Sampling, notes: list[str]) -> Iterator[str]:
    """The text that goes on with the prompt, piece by piece: ``sampling.length`` tokens of it, or without end.

    What the model has never seen is read as the unknown symbol, which is never written.
    """
    assert isinstance(head, CharLMHead) and isinstance(codec, StreamCodec)
    if unknown := [token for token in dict.fromkeys(codec.tokenizer.split(prompt)) if token not in codec.vocabulary]:
        notes.append(f"not seen in training, and read as unknown: {' '.join(map(ascii, unknown[:10]))}")
    numbers = head.write(torch.from_numpy(codec.encode(prompt).tokens), sampling)
    return codec.text(islice(numbers, sampling.length or None), prompt)


def tables(predictions: Sequence[Scored], examples: Sequence[Stretch]) -> list[Table]:
    """How much was scored, and how much of it was unknown."""
    rows = [[str(e), p.characters, p.tokens, p.unknown] for p, e in zip(predictions, examples, strict=True)]
    return [Table("Scored", ["text", "characters", "tokens", "unknown"], rows)]


def show(prediction: Scored) -> tuple[str, dict[str, Any]]:
    """Bits per character, and all that is known as JSON."""
    bits, facts = prediction.bits_per_character, asdict(prediction)
    del facts["pieces"]
    return f"{bits:.3f}", {"bpc": bits, **facts}


def parted(prediction: Scored, example: Stretch) -> list[tuple[Scored, Stretch]]:
    """The pieces that a text was read in; each has as many characters to a token as the whole."""
    each = prediction.characters / max(1, prediction.tokens)
    return [(replace(prediction, nats=n, tokens=t, characters=round(t * each)), example) for n, t in prediction.pieces]


def export(head: Head, codec: Codec) -> Exported:
    """One step: ``token`` (B) and the state to ``logits`` (B, V) and the next state.

    It begins with zeros and the token ``start``; symbols in ``banned`` are never to be written. Raises
    :class:`UsageError` for a model with recall.
    """
    assert isinstance(head, CharLMHead) and isinstance(codec, StreamCodec)
    decoder = head.decoder

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        zeros = flat(decoder.start(batch_size=len(lengths)))
        return {name: torch.randn(tensor.shape, generator=generator) for name, tensor in zeros.items()}

    def predict(runs: Mapping[str, Any], batch: Sequence[Text]) -> list[Scored]:
        def start(batch_size: int) -> State:
            return decoder.start(batch_size=batch_size).recurrent

        return with_modules(head, decoder=ExternalDecoder(runs["step"], start)).predict(batch)

    banned = head.ban.isinf().nonzero().flatten().tolist()
    symbols = {**codec.to_json(), "start": head.start, "banned": banned}
    return Exported([step_part(decoder, sample)], symbols, predict)


def watch(head: Head, codec: Codec, raw: str) -> Explanation:
    """The likeliest token after a text and its log-probability, and the tokens of the text."""
    assert isinstance(head, CharLMHead) and isinstance(codec, StreamCodec)
    tokens = torch.from_numpy(codec.encode(raw).tokens).unsqueeze(0)
    features = head.decoder(tokens, head.decoder.start()).features[:, -1:]
    chances = torch.log_softmax(head.decoder.logits(features)[0, 0] + head.ban, 0)
    best = int(chances.argmax())
    answer = f"next: {codec.vocabulary.symbols[best]!r} ({chances[best].exp().item():.3f})"
    read = codec.tokenizer.split(raw)
    return Explanation(answer, chances[best], {"decoder.recurrent": read}, (read, read))


TASK: Task[CharLMConfig] = Task(
    name="charlm",
    topology="many to many, next step",
    summary="the next character, and so texts of any length",
    config=CharLMConfig,
    data_sets={
        "python-reference": "the Python language reference, 465,000 characters",
        _REVIEWS: "25,000 film reviews, 6 million words; what sentiment can start from",
    },
    defaults_for={_REVIEWS: _OF_REVIEWS},
    metric="bpc",
    higher_is_better=False,
    read=read,
    read_file=read_file,
    raw=lambda example: example,
    learn=learn,
    load_codec=load_codec,
    head=head,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    amount=lambda examples: (sum(example.characters for example in examples), "characters"),
    unit=lambda config: TOKENIZERS[config.tokenizer].unit,
    parted=parted,
    batches=batches,
    validate=validate,
    generate=generate,
    export=export,
    watch=watch,
)
