"""Labels for words as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch

from seqkit.answers.steps import Tagged
from seqkit.cells import make_cell
from seqkit.config import FromData
from seqkit.data import SourceLocation, Splits
from seqkit.data.inputs.words import typed_words
from seqkit.data.prepared import count_of
from seqkit.data.punctuation import LABELS, MARKED
from seqkit.data.questions import ASKED
from seqkit.data.schemes import OUTSIDE, detect_scheme
from seqkit.data.tagged import Sentence, TaggedSource, each_mended, each_tagged, names_words, read_tagged
from seqkit.data.tagged.tag_names import read_tag_names
from seqkit.data.vectors import read_vectors
from seqkit.errors import UsageError
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.layers.encoder import start_embedding
from seqkit.layers.head import require_targets
from seqkit.layers.words import WordEmbedding, make_speller
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.codec import batch_for
from seqkit.topologies.ensemble import LabelEnsemble
from seqkit.topologies.powers import Explanation, Passage
from seqkit.topologies.prediction import predict_items
from seqkit.topologies.synced.tagging.answers import tagged_passages
from seqkit.topologies.synced.tagging.calibration import Calibration, Scored, fit_shift
from seqkit.topologies.synced.tagging.codec import TagBatch, TagCodec, TagItem
from seqkit.topologies.synced.tagging.ensemble import join_taggers
from seqkit.topologies.synced.tagging.export import export_tagger
from seqkit.topologies.synced.tagging.features import FeatureScores
from seqkit.topologies.synced.tagging.head import TaggingHead
from seqkit.topologies.synced.tagging.options import MARKS_BALANCE, TaggingOptions
from seqkit.topologies.synced.tagging.scores import (
    commonest_label_baseline,
    tagging_counts,
    tagging_label_scores,
    tagging_metric,
    tagging_samples,
    tagging_tables,
)
from seqkit.topologies.synced.tagging.splits import read_alike, tagged_splits
from seqkit.topologies.synced.task import Synced
from seqkit.training.recipe import Recipe, derived

C = TypeVar("C", bound=TaggingOptions)
_PATIENCE_FOR_SPANS = 3
"""Which part of the epochs may pass without a better F1"""
_LAYERS_FOR_SPANS, _MANY = 2, 3000
"""From so many sentences on, spans have so many recurrent layers."""


class SyncedTagging(Synced[C, Sentence, Tagged, TagCodec, TaggingHead]):
    """A label for each word of a sentence.

    A task of its own names its data; a file of tagged sentences can always be given::

        class Names(SyncedTagging[NamesConfig]):
            name, summary, config = "names", "the names in a sentence", NamesConfig
            data_sets = {"wiki": "names in 10,000 sentences of Wikipedia"}

            def read_source(self, config, data, notes):
                if data == "wiki":
                    return read_wiki()
                return super().read_source(config, data, notes)

        TASK = Names()
    """

    steps = "words"
    example_types = (Sentence,)
    # Batches of 32 learn as much from a pass as those of 16, at a higher rate, and take two thirds of the time.
    rules = Recipe(steps=1500, least_batch=32, most_batch=32, least_epochs=12)
    validation_options: ClassVar[Mapping[str, Any]] = {"n_best": 1}
    prediction_options = ("n_best", "balance")

    def read_source(self, config: C, data: str, notes: list[str]) -> list[Sentence]:
        """The sentences of a data set or file; override it for data sets, and leave files to this one."""
        return read_tagged(
            Path(data),
            config.word_column,
            config.tag_column,
            notes,
            sentence_column=config.sentence_column,
            tag_names=Path(config.tag_names) if config.tag_names else None,
            encoding=config.encoding,
            columns=config.form.columns,
            group_column=config.group_column,
        )

    def scheme_of(self, config: C, train: Sequence[Sentence]) -> str | None:
        """What the labels of the training split mean: a scheme of spans, or None for plain labels."""
        return detect_scheme([sentence.tags for sentence in train])

    def read(self, config: C, notes: list[str]) -> Splits[Sentence]:
        """The three splits; those given as files stay as they are, the others are split off at random."""
        return tagged_splits(config, self.read_source, notes)

    def each_example(self, config: C, data: str, notes: list[str]) -> Iterator[Sentence]:
        """The sentences of a file, see :class:`~seqkit.topologies.powers.ReadsOneByOne`; repaired block by block."""
        source = TaggedSource(
            Path(data),
            config.word_column,
            config.tag_column,
            config.sentence_column,
            config.encoding,
            notes=notes,
            group_column=config.group_column,
            columns=config.form.columns,
        )
        if config.tag_names:
            source.tag_names.update(read_tag_names(Path(config.tag_names), config.tag_column))
        return each_mended(each_tagged(source), notes)

    def read_file(self, config: C, path: Path, codec: TagCodec) -> list[Sentence]:
        """Sentences to evaluate on."""
        return read_alike(replace(config, group_column=None), str(path), codec.labels, self.read_source, [])

    def input_of(self, example: Sentence) -> tuple[str, ...]:
        """The words."""
        return example.words

    def parse_input(self, text: str) -> str | list[str]:
        """A typed sentence; a list of words in JSON is taken as it is."""
        return typed_words(text)

    def input_columns(
        self, config: C, codec: TagCodec | None, columns: Sequence[str], header: SourceLocation
    ) -> tuple[str, ...]:
        """The column of texts; a table of words has none."""
        if names_words(columns):
            raise UsageError(f"{header}: the columns hold words; give the file as it is, not as a table of texts")
        return super().input_columns(config, codec, columns, header)

    def passages(self, config: C, path: Path, notes: list[str]) -> Iterator[Passage] | None:
        """The sentences of a file with a word on each line, or with lists of words; None for a file of texts."""
        return tagged_passages(config, path, notes)

    def learn_codec(self, config: C, train: Sequence[Sentence]) -> TagCodec:
        """Words, characters and labels of the training split."""
        scheme = self.scheme_of(config, train)
        return TagCodec.learn(
            train,
            LABELS if scheme == MARKED else None,
            scheme,
            lowercase=config.lowercase,
            spelled_below=config.spelled_below,
            min_count=config.min_count,
            max_symbols=config.max_symbols,
            class_weight=config.class_weight,
            normal_form=config.normal_form,
            features=config.features,
        )

    def recipe(self, config: C, splits: Splits[Sentence]) -> C:
        """The rules, and a CRF where labels mark spans, unless something is requested that a CRF lacks.

        Of plain labels the validation loss selects the model: accuracy on the 150 sentences that 3,000 leave for
        validation ended the training at epoch 11 (0.943 of other words correct), the loss at 19 (0.948).

        Of spans F1 selects the model, since their loss is least when few are found yet, and a third of the epochs may
        pass without a better one: by 170 sentences of German names, a fifth would end a training of 3,230 at epoch 10
        with the model of epoch 7 (F1 of other names 0.587), a third goes on to that of epoch 20 (0.635).

        Spans in 3,000 sentences or more have two layers: by 3,400 sentences of German names, F1 of those in 1,700
        others is 0.636 and 0.641 (two seeds) with two and a connection past the second, 0.625 and 0.625 with one;
        without the connection 0.631.
        """
        scheme = self.scheme_of(config, splits.train)
        spans_marked = scheme not in (None, ASKED, MARKED)
        rules = replace(self.rules, patience=_PATIENCE_FOR_SPANS) if spans_marked else self.rules
        config = rules.apply(config, count_of(splits.train))
        if config.select is None and config.patience and scheme in (None, ASKED):
            config = replace(config, select="loss")
        deep = spans_marked and count_of(splits.train) >= _MANY and isinstance(config.num_layers, FromData)
        layers = derived(config, "num_layers", _LAYERS_FOR_SPANS if deep else None)
        residual = True if deep and config.residual is None else config.residual
        config = replace(config, num_layers=layers, residual=residual)
        if config.crf is not None:
            return config
        asked = config.class_weight or config.balance is not None
        return replace(config, crf=spans_marked and not asked)

    def load_codec(self, files: Mapping[str, Any]) -> TagCodec:
        """The codec of a run."""
        return TagCodec.from_json(files)

    def build_head(self, config: C, codec: TagCodec) -> TaggingHead:
        """Words and their spelling, an encoder, and a softmax or a CRF over the labels."""
        words = _build_embedding(config, codec)
        encoder = config.build(
            Encoder,
            words,
            words.output_size,
            bidirectional=config.bidirectional,
            pooling=None,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            word_dropout=config.word_dropout,
        )
        usual_balance = MARKS_BALANCE if codec.scheme == MARKED else 0.0
        balance = usual_balance if config.balance is None else config.balance
        features = None
        if codec.features is not None:
            features = FeatureScores(len(codec.features), len(codec.labels), config.feature_dropout)
        options = (bool(config.crf), codec.label_counts, balance, config.n_best, codec.class_weights, features)
        spans_marked = codec.scheme not in (None, ASKED, MARKED)
        return TaggingHead(encoder, codec.labels, codec.scheme, *options, config.calibrate and spans_marked)

    def initialize_from_outside(self, config: C, codec: TagCodec, head: TaggingHead, notes: list[str]) -> None:
        """Starts the vectors of words from a file, if one is named."""
        if config.vectors:
            vectors = read_vectors(Path(config.vectors), codec.vocabulary, config.embedding_size, codec.normal_form)
            notes.extend(vectors.notes)
            start_embedding(head.encoder.get_submodule("embedding.words"), vectors.matrix)

    def tune(
        self, config: C, codec: TagCodec, head: TaggingHead, items: Sequence[TagItem], examples: Sequence[Sentence]
    ) -> dict[str, Any]:
        """Fits how readily spans are found; see :func:`fit_shift`."""
        if head.crf is None or head.outside is None or not examples:
            return {}

        def score() -> float:
            return self.score(predict_items(head, codec, items, config).predictions, examples)[metric]

        metric = self.metric_for(codec)
        head.outside.value.zero_()
        alone = score()
        shift = fit_shift(head.crf, head.labels.index(OUTSIDE), _scored(head, codec, items, config))
        head.outside.value.fill_(shift)
        return {"calibration": Calibration(shift, metric, score(), alone).to_json()}

    def metric_for(self, codec: TagCodec) -> str:
        """F1 of marks or of spans, else accuracy."""
        return tagging_metric(codec.scheme)

    def size(self, examples: Sequence[Sentence]) -> tuple[int, str]:
        """Words."""
        return sum(len(example.words) for example in examples), self.steps

    def score_counts(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> ScoreCounts:
        """Token accuracy, and F1 of spans, of marks and capitals, or averaged over labels."""
        return tagging_counts(predictions, examples)

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "the most frequent label of each word"

    def predict_baseline(self, config: C, splits: Splits[Sentence]) -> list[Tagged]:
        """Each word's most common label."""
        return commonest_label_baseline(splits.train, splits.test, self.scheme_of(config, splits.train))

    def samples(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
        """A few sentences as the model labels them."""
        return tagging_samples(predictions, examples)

    def tables(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
        """Scores of spans and of each label, confusions, and frequent mistakes."""
        return tagging_tables(predictions, examples)

    def label_scores(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> dict[str, LabelScore]:
        """Precision, recall, F1 and support of each label, mark or type of span."""
        return tagging_label_scores(predictions, examples)

    def confidences(self, prediction: Tagged, example: Sentence) -> list[tuple[float, bool]]:
        """The probability of each word's label, and whether it is correct."""
        correct = (one == other for one, other in zip(prediction.tags, example.tags, strict=True))
        return list(zip(prediction.confidences, correct, strict=True))

    def format_prediction(self, prediction: Tagged) -> tuple[str, dict[str, Any]]:
        """The sentence with its labels, and all that is known of it as JSON, spans among it where labels mark them."""
        return prediction.formatted()

    def export(self, head: TaggingHead, codec: TagCodec) -> Exported:
        """Words, their spelling and ``lengths`` to ``logits`` and, without a CRF, ``probabilities``."""
        return export_tagger(head, codec)

    def agreement(self, head: TaggingHead, codec: TagCodec) -> Mapping[str, Any]:
        """Members of an ensemble know the same labels, and all have a CRF or none has."""
        return {"labels": head.labels, "scheme": head.scheme, "crf": head.crf is not None}

    def ensemble(self, heads: Sequence[TaggingHead]) -> LabelEnsemble:
        """The average of the probabilities; of CRFs, of the scores: see :func:`join_taggers`."""
        return join_taggers(heads)

    def explain(self, head: TaggingHead, codec: TagCodec, raw: str | Sequence[str]) -> Explanation:
        """The log-probabilities of the predicted labels, each alone, summed; and the words."""
        batch = batch_for(head, codec, [codec.encode(raw)])
        (tagged,) = head.predict(batch)
        numbers = torch.tensor([head.labels.index(tag) for tag in tagged.tags], device=batch.lengths.device)
        log_probabilities = torch.log_softmax(head(batch)[0, : len(numbers)], 1)
        score = log_probabilities.gather(1, numbers.unsqueeze(1)).sum()
        return Explanation(tagged.text, score, {"encoder.recurrent": tagged.words})


@torch.no_grad()
def _scored(head: TaggingHead, codec: TagCodec, items: Sequence[TagItem], config: TaggingOptions) -> list[Scored]:
    """Sentences with labels as a head scores them."""

    def score(batch: TagBatch) -> list[Scored]:
        rows = zip(head(batch), require_targets(batch.targets), batch.lengths.tolist(), strict=True)
        return [Scored(logits[:length], targets[:length]) for logits, targets, length in rows]

    found: list[Scored] = predict_items(head, codec, items, config, predict=score).predictions
    return found


def _build_embedding(config: TaggingOptions, codec: TagCodec) -> WordEmbedding:
    """What the encoder reads: the vectors of words, beside them one of each word's characters."""
    speller = make_speller(
        config.characters,
        len(codec.alphabet),
        config.character_size,
        config.spelling_size,
        make_cell(config.cell, **config.cell_options),
        kernel=None if config.kernel == "auto" else config.kernel,
        precision=config.precision,
    )
    counts = torch.tensor(codec.counts, dtype=torch.float32)
    return WordEmbedding(counts, config.embedding_size, codec.vocabulary.unk, config.forgetting, speller)
