"""Many to many, synced: a label for each word, such as its part of speech, or the mark that follows it.

B batch, T words of a sentence, K labels.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seqkit.cells import available_cells, make_cell
from seqkit.config import TrainingConfig, option
from seqkit.data import DataError, Splits, read_examples, stratified
from seqkit.data.punctuation import LABELS, MARKED, MARKS, is_punctuated, read_text, restored, stretches
from seqkit.data.schemes import allowed_transitions, detect_scheme, spans
from seqkit.data.sources import REVIEWS
from seqkit.data.tagged import Sentence, mended, read_tagged, split_sentences, turkish_treebank
from seqkit.data.vectors import read_vectors
from seqkit.errors import UsageError
from seqkit.graphs import Exported, Graph, Value, WordValues, add, crf_symbols, labelling, sequences
from seqkit.layers import CRF, Encoder, Head, Loss
from seqkit.layers.encoder import start_embedding
from seqkit.layers.words import SPELLINGS, WordEmbedding, Words, make_speller
from seqkit.lengths import sequence_mask
from seqkit.scores.labels import TOTAL, confusion_table, label_table
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies import Codec, Explanation, Task
from seqkit.topologies.synced.tagging.codec import TagBatch, TagCodec, learn_codec, load_codec

__all__ = ["TASK", "TagBatch", "TagCodec", "TagConfig", "Tagged", "TaggingHead", "learn_codec", "load_codec"]

_DEFAULT = "punctuation"
_TURKISH = "turkish-pos"
_BALANCE = 0.3
"""What F1 of marks is best with: where a comma may stand, the likeliest is that there is none."""
_RUNNING = {
    "cell": "gru",
    "hidden_size": 96,
    "min_count": 2,
    "max_symbols": 12000,
    "spelled_below": 10,
    "spelling_size": 32,
    "forgetting": 0.25,
    "dropout": 0.1,
    "embedding_dropout": 0.1,
    "learning_rate": 6e-3,
    "epochs": 2,
}
"""For millions of words of running text: a small network, and few passes."""
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class TagConfig(TrainingConfig):
    """Defaults of the task."""

    data: str = option(
        _DEFAULT, f"the data: {_DEFAULT}, {_TURKISH}, or a CoNLL, CoNLL-U or JSONL file of tagged sentences", path=True
    )
    text: str | None = option(None, "instead of data: a text whose punctuation and capitals are learned", path=True)
    valid_data: str | None = option(None, "a file with the validation part (else taken off at random)", path=True)
    test_data: str | None = option(None, "a file with the test part (else taken off at random)", path=True)
    word_column: str | None = option(None, "column of the words: a number, or a name (see docs/data.md)")
    tag_column: str | None = option(None, "column of the tags: a number, or a name such as xpos")
    valid_fraction: float = option(0.05, "part of the sentences for validation", above=0, below=0.5)
    test_fraction: float = option(0.05, "part of the sentences for the test", above=0, below=0.5)
    reviews: int = option(12000, f"film reviews that {_DEFAULT} is learned from, at most", minimum=30)
    stretch: int = option(50, "words of a running text that are read together, at most", minimum=2)
    lowercase: bool = option(True, "capitals are seen in a word's characters alone")
    min_count: int = option(1, "a word seen less often in training is unknown", minimum=1)
    max_symbols: int = option(30000, "largest vocabulary of words", minimum=3)
    cell: str = option("lstm", "recurrent cell", choices=available_cells)
    cell_options: dict[str, str] = option({}, "options of the cell, such as reset=before for gru")
    embedding_size: int = option(96, "values in a word's vector", minimum=1)
    hidden_size: int = option(128, "units of a cell, for each direction", minimum=1)
    num_layers: int = option(1, "recurrent layers", minimum=1)
    bidirectional: bool = option(True, "read each sentence from its end, too")
    characters: str = option("rnn", "how characters of words are read: rnn, cnn or none", choices=lambda: SPELLINGS)
    spelled_below: int = option(0, "only words seen less often in training are spelled; 0: all", minimum=0)
    character_size: int = option(32, "values in a character's vector", minimum=1)
    spelling_size: int = option(128, "values in the vector that characters make", minimum=1)
    forgetting: float = option(1.0, "how often rare words are taken for unknown in training", minimum=0)
    balance: float | None = option(
        None,
        f"how far rare labels are favoured: probability / frequency^balance; [{_BALANCE} for marks, else 0]",
        minimum=0,
    )
    crf: bool = option(False, "labels depend on their neighbours: a conditional random field")
    n_best: int = option(1, "labellings given for a sentence; more than one needs crf", minimum=1)
    dropout: float = option(0.5, "dropout between layers and on the outputs", minimum=0, below=1)
    embedding_dropout: float = option(0.4, "dropout on word vectors", minimum=0, below=1)
    word_dropout: float = option(0.0, "part of the words left out in training", minimum=0, below=1)
    vectors: str | None = option(None, "GloVe or word2vec text file to start the word vectors from", path=True)
    epochs: int = option(12, "passes over the training data, at most", minimum=1)
    batch_size: int = option(16, "sentences in a batch, at most", minimum=1)


@dataclass(frozen=True)
class Tagged:
    """A prediction: words with their labels, the probability of each label, and the likeliest labellings.

    ``n_best`` has each labelling with the logarithm of its probability, the best first, where more than one was asked
    for; ``chances`` the probabilities (T, K) of all labels, where they were asked for; ``scheme`` says what labels
    mean: one of :mod:`seqkit.data.schemes`, ``punctuation``, or None for plain labels.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    sure: tuple[float, ...]
    scheme: str | None = None
    n_best: tuple[tuple[tuple[str, ...], float], ...] = ()
    chances: tuple[tuple[float, ...], ...] = ()

    @property
    def text(self) -> str:
        """``word/label word/label``; where labels are marks and capitals, the text that they restore."""
        return _text(self.words, self.tags, self.scheme)


class TaggingHead(Head):
    """Synced: ``softmax(W h_t + b)`` over the labels of each word, or a linear-chain CRF on these scores.

    Args:
        encoder: reads :class:`Words`; its outputs are not pooled.
        labels: what a word can be.
        scheme: what they mean (see :class:`Tagged`); a CRF never leaves a scheme of spans.
        crf: whether labels depend on their neighbours.
        counts: how often each label was seen in training.
        balance: b; without a CRF the label with the largest ``p / frequency^b`` is chosen, so that rare ones are found
            though another is likelier.
        n_best: labellings given for a sentence; more than one needs a CRF.
    """

    frequency: Tensor

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        scheme: str | None = None,
        crf: bool = False,
        counts: Sequence[int] | None = None,
        balance: float = 0.0,
        n_best: int = 1,
    ) -> None:
        super().__init__()
        self.encoder, self.labels, self.scheme = encoder, tuple(labels), scheme
        self.balance, self.n_best = balance, n_best
        self.output = nn.Linear(encoder.recurrent.output_size, len(self.labels))
        limits = allowed_transitions(self.labels, scheme) if scheme not in (None, MARKED) else ()
        self.crf = CRF(len(self.labels), *limits) if crf else None
        seen = torch.ones(len(self.labels)) if counts is None else torch.tensor(counts, dtype=torch.float32)
        self.register_buffer("frequency", seen.clamp(min=1) / seen.clamp(min=1).sum(), persistent=False)

    def forward(self, batch: TagBatch) -> Tensor:
        """Logits (B, T, K)."""
        logits: Tensor = self.output(self.encoder(batch.inputs, batch.lengths).outputs)
        return logits

    def loss(self, batch: TagBatch) -> Loss:
        """Cross-entropy of words, or of whole labellings with a CRF, in nats; a label never seen counts nothing."""
        if batch.targets is None:
            raise UsageError("the batch has no labels; make it of sentences with tags")
        logits, targets = self(batch), batch.targets
        if self.crf is None:
            total = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="sum")
            return Loss(total, int((targets >= 0).sum()))
        known = (targets >= 0) | ~sequence_mask(batch.lengths, targets.shape[1])
        lengths = batch.lengths * known.all(1)
        return Loss(self.crf.loss(logits, targets.clamp(min=0), lengths), int(lengths.sum()))

    @torch.no_grad()
    def predict(
        self,
        batch: TagBatch,
        n_best: int | None = None,
        balance: float | None = None,
        every: bool = False,
        **options: Any,
    ) -> list[Tagged]:
        """Each word's likeliest label; with a CRF the likeliest labellings. Options: those of the head, if not given.

        ``every`` asks for the probabilities of all labels, too.

        Raises :class:`UsageError` for more than one labelling without a CRF.
        """
        logits, lengths, n_best = self(batch), batch.lengths, n_best or self.n_best
        if self.crf is None:
            if n_best > 1:
                raise UsageError("n_best above 1 needs a model with a CRF; train one with --crf true")
            favour = self.balance if balance is None else balance
            best = (logits - favour * self.frequency.log()).argmax(2)
            chances = torch.softmax(logits, 2)
            sure = chances.gather(2, best.unsqueeze(2)).squeeze(2)
            rows = zip(batch.words, best.tolist(), sure.tolist(), strict=True)
            found = [Tagged(w, self._names(b[: len(w)]), tuple(s[: len(w)]), self.scheme) for w, b, s in rows]
            return _with_chances(found, chances) if every else found
        chances, found = self.crf.marginals(logits, lengths), []
        paths_of = self.crf.decode(logits, lengths, n_best)
        for words, paths, row in zip(batch.words, paths_of, chances.tolist(), strict=True):
            several = tuple((self._names(path.labels), path.score) for path in paths)
            chance = tuple(row[time][label] for time, label in enumerate(paths[0].labels))
            found.append(Tagged(words, several[0][0], chance, self.scheme, several if n_best > 1 else ()))
        return _with_chances(found, chances) if every else found

    def _names(self, numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.labels[number] for number in numbers)


def _with_chances(found: Sequence[Tagged], chances: Tensor) -> list[Tagged]:
    rows = zip(found, chances.tolist(), strict=True)
    return [replace(tagged, chances=tuple(map(tuple, row[: len(tagged.words)]))) for tagged, row in rows]


def read(config: TagConfig, notes: list[str]) -> Splits[Sentence]:
    """The three parts; those given as files are kept as they are, the others are taken off at random."""
    if config.data == _DEFAULT and not config.text:
        return _read_reviews(config)
    given = {"valid": config.valid_data, "test": config.test_data}
    parts = {part: _read_part(config, Path(path), notes) for part, path in given.items() if path}
    sentences = _read_data(config, notes)
    fractions = {"valid": config.valid_fraction, "test": config.test_fraction}
    cut = {part: 0.0 if part in parts else fraction for part, fraction in fractions.items()}
    splits = split_sentences(sentences, cut["valid"], cut["test"], config.seed)
    splits = Splits(splits.train, parts.get("valid", splits.valid), parts.get("test", splits.test))
    return mended(splits, notes)


def _read_reviews(config: TagConfig) -> Splits[Sentence]:
    """Film reviews of people who set commas, divided before they are cut: no review is in two parts."""
    every = read_examples(REVIEWS.locate(), "text", "label", {"source": "imdb"})
    reviews = [review for review in every if is_punctuated(review.text)]
    chosen = random.Random(config.seed).sample(reviews, min(config.reviews, len(reviews)))
    parts = stratified(chosen, config.valid_fraction, config.test_fraction, config.seed)
    return Splits(*(list(stretches(part, config.stretch)) for part in (parts.train, parts.valid, parts.test)))


def _read_data(config: TagConfig, notes: list[str]) -> list[Sentence]:
    if config.text:
        if config.data != _DEFAULT:
            raise UsageError("give --data, tagged sentences, or --text, a text to restore, not both")
        return _read_part(config, Path(config.text), notes)
    return turkish_treebank() if config.data == _TURKISH else _read_part(config, Path(config.data), notes)


def _read_part(config: TagConfig, path: Path, notes: list[str]) -> list[Sentence]:
    if config.text or config.data == _DEFAULT:
        sentences = list(read_text(path, config.stretch))
        if not sentences:
            raise DataError(f"{path} has no words; give a text")
        return sentences
    return read_tagged(path, config.word_column, config.tag_column, notes)


def read_file(config: TagConfig, path: Path, codec: Codec) -> list[Sentence]:
    """Sentences to evaluate on."""
    return _read_part(config, path, [])


def learn(config: TagConfig, train: Sequence[Sentence]) -> TagCodec:
    """Words, characters and labels of the training part."""
    scheme = _scheme(config, train)
    return learn_codec(
        train,
        LABELS if scheme == MARKED else None,
        scheme,
        lowercase=config.lowercase,
        spelled_below=config.spelled_below,
        min_count=config.min_count,
        max_symbols=config.max_symbols,
    )


def _scheme(config: TagConfig, train: Sequence[Sentence]) -> str | None:
    running = config.text or config.data == _DEFAULT
    return MARKED if running else detect_scheme([sentence.tags for sentence in train])


def head(config: TagConfig, codec: Codec) -> TaggingHead:
    """A new head."""
    assert isinstance(codec, TagCodec)
    cell = make_cell(config.cell, **config.cell_options)
    running: dict[str, Any] = {
        "kernel": None if config.kernel == "auto" else config.kernel,
        "precision": config.precision,
    }
    speller = make_speller(
        config.characters, len(codec.alphabet), config.character_size, config.spelling_size, cell, **running
    )
    counts = torch.tensor(codec.counts, dtype=torch.float32)
    words = WordEmbedding(counts, config.embedding_size, codec.vocabulary.unk, config.forgetting, speller)
    encoder = Encoder(
        words,
        words.output_size,
        cell=cell,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        pooling=None,
        dropout=config.dropout,
        embedding_dropout=config.embedding_dropout,
        word_dropout=config.word_dropout,
        **running,
    )
    balance = (_BALANCE if codec.scheme == MARKED else 0.0) if config.balance is None else config.balance
    return TaggingHead(encoder, codec.labels, codec.scheme, config.crf, codec.label_counts, balance, config.n_best)


def begin(config: TagConfig, codec: Codec, head: Head, notes: list[str]) -> None:
    """Starts the vectors of words from a file, if one is named."""
    if config.vectors:
        assert isinstance(codec, TagCodec) and isinstance(head, TaggingHead)
        assert isinstance(head.encoder.embedding, WordEmbedding)
        found = read_vectors(Path(config.vectors), codec.vocabulary, config.embedding_size)
        notes.extend(found.notes)
        start_embedding(head.encoder.embedding.words, found.matrix)


def score(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> dict[str, float]:
    """Token accuracy; F1 of entities, of marks and capitals, or the mean over labels, as the scheme has it."""
    counted = tallies(predictions, examples)
    return counted.score(counted.rows.sum(0))


def tallies(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> ScoreCounts:
    """Of each sentence: words that are right, all words, and of each kind of word or span those right, true, found."""
    scheme = predictions[0].scheme if predictions else None
    truth, found = [e.tags for e in examples], [p.tags for p in predictions]
    pairs = [(_things(one, scheme), _things(other, scheme)) for one, other in zip(truth, found, strict=True)]
    kinds = sorted({kind for pair in pairs for things in pair for kind, _ in things})
    rows = np.zeros((len(pairs), 2 + 3 * len(kinds)))
    for row, tags, others, (one, other) in zip(rows, truth, found, pairs, strict=True):
        counts = [Counter(kind for kind, _ in things) for things in (one & other, one, other)]
        right = sum(tag == answer for tag, answer in zip(tags, others, strict=True))
        row[:] = [right, len(tags), *(count[kind] for count in counts for kind in kinds)]
    return ScoreCounts(rows, lambda sums: _summed(sums, kinds, scheme))


def _things(tags: Sequence[str], scheme: str | None) -> set[tuple[str, Any]]:
    """What is to be found in a sentence: each with its kind."""
    if scheme is None:
        return {(tag, place) for place, tag in enumerate(tags)}
    if scheme != MARKED:
        return {(TOTAL, span) for span in spans(tags)}
    marks = zip(_mark_names(tags), enumerate(tags), strict=True)
    return {(mark, place) for mark, (place, _) in marks} | {(_is_capital(tag), place) for place, tag in enumerate(tags)}


def _summed(sums: np.ndarray, kinds: Sequence[str], scheme: str | None) -> dict[str, float]:
    right, words, *counts = map(float, sums)
    scores = {"accuracy": right / max(1, words)}
    each = dict(zip(kinds, np.reshape(counts, (3, -1)).T.tolist(), strict=True))
    f1 = {kind: 2 * both / max(1, true + found) for kind, (both, true, found) in each.items() if true + found}
    if scheme == MARKED:
        marks = {f"f1_{name}": f1.get(name, 0.0) for name in MARKS.values()}
        return {**scores, "f1_marks": sum(marks.values()) / len(marks), **marks, "f1_capitals": f1.get("capital", 0.0)}
    if scheme is None:
        return {**scores, "macro_f1": sum(f1.values()) / max(1, len(f1))}
    both, true, found = each.get(TOTAL, (0.0, 0.0, 0.0))
    return {**scores, "f1": f1.get(TOTAL, 0.0), "precision": both / max(1, found), "recall": both / max(1, true)}


def _mark_names(tags: Sequence[str]) -> list[str]:
    return [MARKS.get(tag[2:], "nothing") for tag in tags]


def _is_capital(tag: str) -> str:
    return "lower" if tag[:2] == "aa" else "capital"


def _flat(sentences: Sequence[tuple[str, ...]]) -> list[str]:
    return [tag for tags in sentences for tag in tags]


def baseline(config: TagConfig, splits: Splits[Sentence]) -> list[Tagged]:
    """Each word has the label that it had most often in training; a word not seen there the commonest of all."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in splits.train:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            seen[word][tag] += 1
    best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    ((common, _),) = sum(seen.values(), Counter()).most_common(1)
    scheme = _scheme(config, splits.train)
    return [Tagged(s.words, tuple(best.get(word, common) for word in s.words), (), scheme) for s in splits.test]


def samples(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
    """A few sentences as the model labels them; of running text, as it was and as it is restored."""
    chosen = [pair for pair in zip(predictions, examples, strict=True) if 4 < len(pair[0].words) < 20][:_SHOWN]
    rows = [row for p, e in chosen for row in (["truth", _text(e.words, e.tags, p.scheme)], ["model", p.text])]
    return [Table("", ["", ""], rows)]


def tables(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
    """Scores of each label, confusions, and the words that are most often wrong; of running text a few samples."""
    truth, found = _flat([e.tags for e in examples]), _flat([p.tags for p in predictions])
    if predictions and predictions[0].scheme == MARKED:
        truth, found = _mark_names(truth), _mark_names(found)
        return [label_table(truth, found), confusion_table(truth, found), *samples(predictions, examples)]
    wrong = Counter(
        (word, right, answer)
        for p, e in zip(predictions, examples, strict=True)
        for word, right, answer in zip(e.words, e.tags, p.tags, strict=True)
        if right != answer
    )
    rows = [[word, right, answer, times] for (word, right, answer), times in wrong.most_common(5)]
    often = Table("Most often wrong", ["word", "truth", "answer", "times"], rows)
    return [label_table(truth, found), confusion_table(truth, found), often]


def answers(prediction: Tagged, example: Sentence) -> list[tuple[float, bool]]:
    """How sure the label of each word is, and whether it is right."""
    right = (one == other for one, other in zip(prediction.tags, example.tags, strict=True))
    return list(zip(prediction.sure, right, strict=True))


def show(prediction: Tagged) -> tuple[str, dict[str, Any]]:
    """The sentence with its labels, and all that is known as JSON; entities too where labels stand for them."""
    p = prediction
    facts: dict[str, Any] = {"words": p.words, "tags": p.tags, "sure": p.sure}
    if p.scheme == MARKED:
        facts = {"text": p.text, **facts}
    elif p.scheme:
        found = [(span, " ".join(p.words[span.start : span.stop])) for span in spans(p.tags)]
        facts["entities"] = [{"text": text, **span._asdict()} for span, text in found]
    if p.n_best:
        facts["n_best"] = [{"tags": tags, "log_probability": score} for tags, score in p.n_best]
    return p.text, facts


def _text(words: Sequence[str], tags: Sequence[str], scheme: str | None) -> str:
    if scheme == MARKED:
        return restored(words, tags)
    return " ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True))


def from_text(text: str) -> str | list[str]:
    """A typed sentence; a list of words in JSON is taken as it is."""
    if not text.lstrip().startswith("["):
        return text
    try:
        words = json.loads(text)
    except ValueError:
        return text
    whole = isinstance(words, list) and all(isinstance(word, str) and word for word in words)
    return words if whole else text


def metric(codec: Codec) -> str:
    """What models are compared by: F1 of marks or of entities, which accuracy hides; else accuracy."""
    assert isinstance(codec, TagCodec)
    return {None: "accuracy", MARKED: "f1_marks"}.get(codec.scheme, "f1")


def export(head: Head, codec: Codec) -> Exported:
    """Words and their spelling, as :class:`Words`, and ``lengths`` to ``logits`` (B, T, K), and without a CRF their
    ``probabilities``.

    The CRF stays with the user of the file, who searches the best labelling of the logits (Viterbi) by ``crf`` among
    the symbols: what transitions, start and end add, forbidden ones very little.
    """
    assert isinstance(head, TaggingHead) and isinstance(codec, TagCodec)
    inputs, draw = sequences(len(codec.vocabulary))
    inputs.update(spelling=("batch", "time"), characters=("spellings", "characters"), sizes=("spellings",))

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        found = dict(draw(generator, lengths, time))
        count, longest = 1 + int(lengths.sum()), 1 + time % 5
        found["spelling"] = torch.randint(count, (len(lengths), time), generator=generator)
        found["characters"] = torch.randint(len(codec.alphabet), (count, longest), generator=generator)
        found["sizes"] = torch.randint(longest + 1, (count,), generator=generator)
        return found

    def make(lengths: Tensor, **words: Tensor) -> TagBatch:
        return TagBatch([], Words(**words), lengths)

    def feed(batch: TagBatch) -> dict[str, Tensor]:
        return {**batch.inputs._asdict(), "lengths": batch.lengths}

    def add_logits(graph: Graph, given: dict[str, Value]) -> Value:
        words = WordValues(*(given[name] for name in WordValues._fields))
        logits: Value = add(head.output, graph, add(head.encoder, graph, words, given["lengths"]).outputs)
        return logits

    favour = {"balance": head.balance, "frequency": head.frequency.tolist()}
    symbols = {**codec.to_json(), **favour, "crf": crf_symbols(head.crf)}
    sizes = ("batch", "time", len(head.labels))
    return labelling(head, inputs, sample, add_logits, sizes, symbols, make, feed, probabilities=head.crf is None)


def watch(head: Head, codec: Codec, raw: Any) -> Explanation:
    """The sum of the log-probabilities of the labels that are answered, each alone, and the words."""
    assert isinstance(head, TaggingHead) and isinstance(codec, TagCodec)
    batch = codec.collate([codec.encode(raw)])
    (tagged,) = head.predict(batch)
    numbers = torch.tensor([head.labels.index(tag) for tag in tagged.tags], dtype=torch.int64)
    chances = torch.log_softmax(head(batch)[0, : len(numbers)], 1)
    score = chances.gather(1, numbers.unsqueeze(1)).sum()
    return Explanation(tagged.text, score, {"encoder.recurrent": tagged.words})


TASK: Task[TagConfig] = Task(
    name="tag",
    topology="many to many, synced",
    summary="a label for each word: punctuation and capitals, parts of speech, names",
    config=TagConfig,
    data_sets={
        _DEFAULT: "film reviews without punctuation and capitals, to be restored",
        _TURKISH: "a treebank of Turkish from the web and Wikipedia, parts of speech",
    },
    metric="accuracy",
    metric_for=metric,
    defaults_for={_DEFAULT: _RUNNING},
    higher_is_better=True,
    read=read,
    read_file=read_file,
    raw=lambda example: example.words,
    learn=learn,
    load_codec=load_codec,
    head=head,
    begin=begin,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    answers=answers,
    tallies=tallies,
    from_text=from_text,
    while_validating={"n_best": 1},
    while_predicting=("n_best", "balance"),
    samples=samples,
    amount=lambda examples: (sum(len(example.words) for example in examples), "words"),
    unit=lambda config: "words",
    export=export,
    watch=watch,
)
