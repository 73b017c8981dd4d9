"""Many to one: a label for a whole text, such as the sentiment of a review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

from seqkit.cells import available_cells, make_cell
from seqkit.config import TrainingConfig, option
from seqkit.data import (
    TOKENIZERS,
    DataError,
    Example,
    Splits,
    Tokenizer,
    Vocabulary,
    check_classes,
    read_examples,
    shared_texts,
    split_off,
    stratified,
    tokenizer,
    tokenizer_from_json,
)
from seqkit.data.batching import pad
from seqkit.data.sources import REVIEWS
from seqkit.data.vectors import read_vectors
from seqkit.errors import SeqkitError
from seqkit.graphs import Exported, Graph, Value, add, labelling, sequences
from seqkit.layers import Encoder, Head, Loss
from seqkit.scores.labels import accuracy, confusion_table, macro_f1
from seqkit.tables import Table
from seqkit.topologies import Codec, EncodingReport, Explanation, Task

__all__ = ["TASK", "Classified", "SentimentConfig", "SentimentHead", "TextBatch", "TextCodec"]

_REVIEW_SETS = {"rotten-tomatoes": "rotten_tomatoes", "imdb": "imdb"}
_REVIEW_LABELS = {"0": "negative", "1": "positive"}


@dataclass(frozen=True, kw_only=True)
class SentimentConfig(TrainingConfig):
    """Defaults of the task."""

    data: str = option("rotten-tomatoes", "the data: rotten-tomatoes, imdb, or a CSV, TSV or JSONL file", path=True)
    valid_data: str | None = option(None, "a file with the validation part (else taken off at random)", path=True)
    test_data: str | None = option(None, "a file with the test part (else taken off at random)", path=True)
    text_column: str | None = option(None, "column of the text (else guessed by its name)")
    label_column: str | None = option(None, "column of the label (else guessed by its name)")
    valid_fraction: float = option(0.1, "part of the examples for validation", above=0, below=0.5)
    test_fraction: float = option(0.1, "part of the examples for the test", above=0, below=0.5)
    tokenizer: str = option("word", "how text is split: word, char or byte", choices=lambda: TOKENIZERS)
    min_count: int = option(2, "a token seen less often in training is unknown", minimum=1)
    max_symbols: int = option(30000, "largest vocabulary", minimum=3)
    max_tokens: int = option(400, "a longer text is cut after so many tokens", minimum=1)
    cell: str = option("lstm", "recurrent cell", choices=available_cells)
    cell_options: dict[str, str] = option({}, "options of the cell, such as reset=before for gru")
    embedding_size: int = option(128, "values in a token's vector", minimum=1)
    hidden_size: int = option(128, "units of a cell, for each direction", minimum=1)
    num_layers: int = option(1, "recurrent layers", minimum=1)
    bidirectional: bool = option(True, "read each text from its end, too")
    pooling: str = option("mean+max", "last, mean, max, attention, or some joined by +")
    dropout: float = option(0.5, "dropout on outputs and on the pooled vector", minimum=0, below=1)
    embedding_dropout: float = option(0.5, "dropout on token vectors", minimum=0, below=1)
    word_dropout: float = option(0.3, "part of the tokens left out in training", minimum=0, below=1)
    vectors: str | None = option(None, "GloVe or word2vec text file to start the embedding from", path=True)


class TextBatch(NamedTuple):
    """Tokens (B, T), lengths (B), and the number of each text's label (B) where it is known."""

    tokens: Tensor
    lengths: Tensor
    targets: Tensor | None = None


@dataclass(frozen=True)
class Classified:
    """A prediction: the likeliest label, and the probability of each."""

    label: str
    probabilities: dict[str, float]

    @classmethod
    def of(cls, labels: Sequence[str], row: Sequence[float]) -> Classified:
        """The prediction that the probabilities of all labels, in their order, make."""
        probabilities = dict(zip(labels, row, strict=True))
        return cls(max(probabilities, key=probabilities.__getitem__), probabilities)


class SentimentHead(Head):
    """Many to one: ``softmax(W pooled + b)`` over the labels, on the pooled outputs of an encoder."""

    def __init__(self, encoder: Encoder, labels: Sequence[str], dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder, self.labels, self.dropout = encoder, tuple(labels), dropout
        self.output = nn.Linear(encoder.output_size, len(self.labels))

    def forward(self, batch: TextBatch) -> Tensor:
        """Logits (B, labels)."""
        pooled = self.encoder(batch.tokens, batch.lengths).pooled
        logits: Tensor = self.output(dropout(pooled, self.dropout, self.training))
        return logits

    def loss(self, batch: TextBatch) -> Loss:
        """Cross-entropy, in nats."""
        if batch.targets is None:
            raise SeqkitError("the batch has no targets; make it of examples with labels")
        return Loss(cross_entropy(self(batch), batch.targets, reduction="sum"), len(batch.targets))

    @torch.no_grad()
    def predict(self, batch: TextBatch, **options: Any) -> list[Classified]:
        """The labels with their probabilities."""
        return [Classified.of(self.labels, row) for row in torch.softmax(self(batch), 1).tolist()]


class TextCodec(Codec):
    """Texts to batches of tokens, labels to numbers."""

    def __init__(self, tokens: Tokenizer, vocabulary: Vocabulary, labels: Sequence[str], max_tokens: int) -> None:
        self.tokenizer, self.vocabulary, self.labels = tokens, vocabulary, tuple(labels)
        self.max_tokens = max_tokens
        self._label = {label: number for number, label in enumerate(self.labels)}

    def encode(self, raw: str, example: Example | None = None) -> tuple[Tensor, int | None]:
        """Token numbers, cut to ``max_tokens``, and the label's number."""
        ids = self.vocabulary.encode(self.tokenizer.split(raw)[: self.max_tokens])
        # By way of numpy: a third of the time, which shows when a model answers thousands of texts a second.
        return torch.from_numpy(np.array(ids, np.int32)), None if example is None else self._label[example.label]

    def length(self, item: tuple[Tensor, int | None]) -> int:
        """Tokens."""
        return item[0].numel()

    def collate(self, items: Sequence[tuple[Tensor, int | None]]) -> TextBatch:
        """A batch; it has targets if every item has."""
        tokens, lengths = pad([ids for ids, _ in items], self.vocabulary.pad)
        targets = [target for _, target in items if target is not None]
        return TextBatch(tokens, lengths, torch.tensor(targets) if targets and len(targets) == len(items) else None)

    def account(self, raw: str, example: Example | None = None) -> EncodingReport:
        """Tokens, those behind ``max_tokens``, and those that are unknown."""
        tokens = self.tokenizer.split(raw)
        read = tokens[: self.max_tokens]
        return EncodingReport(len(tokens), len(tokens) - len(read), [t for t in read if t not in self.vocabulary])

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the encoder reads."""
        return {"encoder.embedding": self.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json`` and ``labels.json``."""
        options = {"tokenizer": self.tokenizer.to_json(), "max_tokens": self.max_tokens}
        return {"vocab.json": {**options, **self.vocabulary.to_json()}, "labels.json": list(self.labels)}


def load_codec(files: Mapping[str, Any]) -> TextCodec:
    """The codec of a run, from the content of its files."""
    vocab, labels = files["vocab.json"], files["labels.json"]
    vocabulary = Vocabulary.from_json(vocab, "vocab.json")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError("labels.json must be a list of texts; restore it from a copy")
    return TextCodec(tokenizer_from_json(vocab["tokenizer"]), vocabulary, labels, int(vocab["max_tokens"]))


def read(config: SentimentConfig, notes: list[str]) -> Splits[Example]:
    """The three parts; those given as files are kept as they are, the others are taken off at random."""
    examples = _read_part(config, config.data, notes)
    given = {"valid": config.valid_data, "test": config.test_data}
    parts = {part: _read_part(config, path, notes) for part, path in given.items() if path}
    check_classes(examples, 3 - len(parts))
    if not parts:
        return stratified(examples, config.valid_fraction, config.test_fraction, config.seed)
    if "test" not in parts:
        examples, parts["test"] = split_off(examples, config.test_fraction, config.seed)
    if "valid" not in parts:
        examples, parts["valid"] = split_off(examples, config.valid_fraction, config.seed)
    _check_parts(examples, parts, notes)
    return Splits(examples, parts["valid"], parts["test"])


def _read_part(config: SentimentConfig, data: str, notes: list[str]) -> list[Example]:
    if data in _REVIEW_SETS:
        keep = {"source": _REVIEW_SETS[data]}
        return read_examples(REVIEWS.locate(), "text", "label", keep, _REVIEW_LABELS, notes)
    return read_examples(Path(data), config.text_column, config.label_column, notes=notes)


def _check_parts(train: list[Example], parts: Mapping[str, list[Example]], notes: list[str]) -> None:
    known = {example.label for example in train}
    for part, examples in parts.items():
        for example in examples:
            _check_label(example, known)
        if shared := shared_texts(train, examples):
            many = f"{shared:,} texts of the {part} part are" if shared > 1 else f"a text of the {part} part is"
            notes.append(f"{many} in the training part, too: its score will flatter")


def _check_label(example: Example, known: set[str]) -> None:
    if example.label not in known:
        raise DataError(
            f"label '{example.label}' is not in the training part; mend it or add examples", example.location
        )


def read_file(config: SentimentConfig, path: Path, codec: Codec) -> list[Example]:
    """Examples to evaluate on; their labels must be among those the model knows."""
    assert isinstance(codec, TextCodec)
    examples = _read_part(config, str(path), [])
    for example in examples:
        _check_label(example, set(codec.labels))
    return examples


def learn(config: SentimentConfig, train: Sequence[Example]) -> TextCodec:
    """Vocabulary and labels of the training part."""
    tokens = tokenizer(config.tokenizer)
    texts = (tokens.split(example.text)[: config.max_tokens] for example in train)
    vocabulary = Vocabulary.build(texts, config.min_count, config.max_symbols)
    return TextCodec(tokens, vocabulary, sorted({example.label for example in train}), config.max_tokens)


def head(config: SentimentConfig, codec: Codec) -> SentimentHead:
    """A new head."""
    assert isinstance(codec, TextCodec)
    encoder = Encoder(
        len(codec.vocabulary),
        config.embedding_size,
        cell=make_cell(config.cell, **config.cell_options),
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        pooling=config.pooling,
        dropout=config.dropout,
        embedding_dropout=config.embedding_dropout,
        word_dropout=config.word_dropout,
        pad=codec.vocabulary.pad,
        kernel=None if config.kernel == "auto" else config.kernel,
        precision=config.precision,
    )
    return SentimentHead(encoder, codec.labels, config.dropout)


def begin(config: SentimentConfig, codec: Codec, head: Head, notes: list[str]) -> None:
    """Starts the embedding from a file of word vectors, if one is named."""
    if config.vectors:
        assert isinstance(codec, TextCodec) and isinstance(head, SentimentHead)
        found = read_vectors(Path(config.vectors), codec.vocabulary, config.embedding_size)
        notes.extend(found.notes)
        head.encoder.start_embedding(found.matrix)


def score(predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, float]:
    """Accuracy and macro-F1."""
    truth, found = [e.label for e in examples], [p.label for p in predictions]
    return {"accuracy": accuracy(truth, found), "macro_f1": macro_f1(truth, found)}


def baseline(config: SentimentConfig, splits: Splits[Example]) -> list[Classified]:
    """TF-IDF of words with logistic regression, scikit-learn's defaults, on the same parts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    tokens = tokenizer(config.tokenizer)
    vectorizer = TfidfVectorizer(tokenizer=tokens.split, token_pattern=None, lowercase=False)
    model = make_pipeline(vectorizer, LogisticRegression(max_iter=1000))
    model.fit([e.text for e in splits.train], [e.label for e in splits.train])
    return [Classified(str(label), {}) for label in model.predict([e.text for e in splits.test])]


def tables(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
    """The confusion matrix, and the five texts that the model got most wrong."""
    pairs = zip(predictions, examples, strict=True)
    wrong = [(p.probabilities.get(e.label, 0.0), p, e) for p, e in pairs if p.label != e.label]
    worst = [
        [e.label, p.label, f"{p.probabilities[p.label]:.2f}", " ".join(e.text.split())]
        for _, p, e in sorted(wrong, key=lambda row: row[0])[:5]
    ]
    return [
        confusion_table([e.label for e in examples], [p.label for p in predictions]),
        Table("Most wrong", ["truth", "answer", "sure", "text"], worst),
    ]


def show(prediction: Classified) -> tuple[str, dict[str, Any]]:
    """``label  probability``, and both as JSON."""
    facts = {"label": prediction.label, "probabilities": prediction.probabilities}
    return f"{prediction.label}\t{prediction.probabilities[prediction.label]:.3f}", facts


def answers(prediction: Classified, example: Example) -> list[tuple[float, bool]]:
    """How sure the label is, and whether it is right."""
    return [(prediction.probabilities[prediction.label], prediction.label == example.label)]


def export(head: Head, codec: Codec) -> Exported:
    """``tokens`` and ``lengths`` to ``logits`` and ``probabilities`` (B, labels)."""
    assert isinstance(head, SentimentHead) and isinstance(codec, TextCodec)

    def add_logits(graph: Graph, inputs: dict[str, Value]) -> Value:
        read = add(head.encoder, graph, inputs["tokens"], inputs["lengths"])
        logits: Value = add(head.output, graph, read.pooled)
        return logits

    sizes = ("batch", len(head.labels))
    return labelling(head, *sequences(len(codec.vocabulary)), add_logits, sizes, codec.to_json(), TextBatch)


def watch(head: Head, codec: Codec, raw: str) -> Explanation:
    """The likeliest label's log-probability, and the tokens that the encoder reads."""
    assert isinstance(head, SentimentHead) and isinstance(codec, TextCodec)
    tokens = codec.tokenizer.split(raw)[: codec.max_tokens]
    chances = torch.log_softmax(head(codec.collate([codec.encode(raw)])), 1)[0]
    best = int(chances.argmax())
    answer = f"{head.labels[best]} ({chances[best].exp().item():.3f})"
    return Explanation(answer, chances[best], {"encoder.recurrent": tokens}, (tokens, [head.labels[best]]))


TASK: Task[SentimentConfig] = Task(
    name="sentiment",
    topology="many to one",
    summary="a label for a whole text, such as the sentiment of a review",
    config=SentimentConfig,
    data_sets={
        "rotten-tomatoes": "8,530 sentences from film reviews, 2 classes",
        "imdb": "25,000 long film reviews, 2 classes",
    },
    metric="accuracy",
    higher_is_better=True,
    read=read,
    read_file=read_file,
    raw=lambda example: example.text,
    learn=learn,
    load_codec=load_codec,
    head=head,
    begin=begin,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    probabilities=lambda prediction: prediction.probabilities,
    export=export,
    answers=answers,
    watch=watch,
)
