"""Many to one as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from seqkit.data import Example, Splits, read_examples
from seqkit.data.vectors import read_vectors
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.tables import Table
from seqkit.topologies.classification import ClassificationTask, Classified, check_labels, check_weight_column
from seqkit.topologies.ensemble import LabelEnsemble
from seqkit.topologies.many_to_one.codec import TextCodec, TextItem
from seqkit.topologies.many_to_one.ensemble import with_average_threshold
from seqkit.topologies.many_to_one.export import export_classifier
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.ngrams import NgramPrior
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.scores import classification_tables, tfidf_baseline
from seqkit.topologies.many_to_one.splits import labelled_splits
from seqkit.topologies.many_to_one.threshold import AUTO, first_threshold, tune_threshold
from seqkit.topologies.powers import Explanation
from seqkit.topologies.prediction import predict_items

C = TypeVar("C", bound=ManyToOneOptions)


class ManyToOne(ClassificationTask[C, TextCodec, ClassificationHead]):
    """A label for a whole text.

    A task of its own names its data; a file with a column of texts and one of labels can always be given::

        class Sentiment(ManyToOne[SentimentConfig]):
            name, summary, config = "sentiment", "the sentiment of a review", SentimentConfig
            data_sets = {"rotten-tomatoes": "8,530 sentences from film reviews, 2 classes"}

            def read_source(self, config, data, notes):
                return REVIEWS if data == "rotten-tomatoes" else super().read_source(config, data, notes)

        TASK = Sentiment()
    """

    topology = "many to one"

    def read_source(self, config: C, data: str, notes: list[str]) -> list[Example]:
        """The examples of a data set or file; override it for data sets, and leave files to this one."""
        columns = (config.text_column, config.label_column)
        return read_examples(Path(data), *columns, notes=notes, weight_column=config.weight_column, form=config.form)

    def read(self, config: C, notes: list[str]) -> Splits[Example]:
        """The three splits; those given as files stay as they are, the others are split off at random."""
        check_weight_column(config.weight_column, config.data, self.data_sets)
        return labelled_splits(config, lambda data: self.read_source(config, data, notes), notes)

    def read_file(self, config: C, path: Path, codec: TextCodec) -> list[Example]:
        """Examples to evaluate on; raises :class:`DataError` for a label that the model does not know.

        They need no weights, for scores have none.
        """
        examples = self.read_source(replace(config, weight_column=None), str(path), [])
        check_labels(examples, codec.labels)
        return examples

    def learn_codec(self, config: C, train: Sequence[Example]) -> TextCodec:
        """Vocabulary, labels and their weights, of the training split."""
        return TextCodec.learn(config, train)

    def without_counts(self, config: C) -> C:
        """Without n-grams, whose counts take longer than everything else that is learned of texts."""
        return replace(config, ngrams=False)

    def load_codec(self, files: Mapping[str, Any]) -> TextCodec:
        """The codec of a run."""
        return TextCodec.from_json(files)

    def build_head(self, config: C, codec: TextCodec) -> ClassificationHead:
        """An encoder that is pooled, and a softmax over the labels."""
        encoder = config.build(
            Encoder,
            len(codec.vocabulary),
            config.embedding_size,
            bidirectional=config.bidirectional,
            pooling=config.pooling,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            word_dropout=config.word_dropout,
            pad=codec.vocabulary.pad,
        )
        threshold = first_threshold(config.threshold, codec.labels)
        prior = NgramPrior(codec.ngrams.counts, len(codec.labels)) if codec.ngrams else None
        return ClassificationHead(encoder, codec.labels, config.dropout, codec.class_weights, threshold, prior)

    def initialize_from_outside(self, config: C, codec: TextCodec, head: ClassificationHead, notes: list[str]) -> None:
        """Starts the embedding from a file of word vectors, if one is named."""
        if config.vectors:
            vectors = read_vectors(Path(config.vectors), codec.vocabulary, config.embedding_size)
            notes.extend(vectors.notes)
            head.encoder.start_embedding(vectors.matrix)

    def tune(
        self,
        config: C,
        codec: TextCodec,
        head: ClassificationHead,
        items: Sequence[TextItem],
        examples: Sequence[Example],
    ) -> dict[str, Any]:
        """Tunes the threshold of two labels for the score that chose the model, if that is asked for."""
        if config.threshold != AUTO or head.decision is None:
            return {}
        criterion = self.criterion(config, codec)
        if criterion.score == "loss":
            # No threshold changes it.
            criterion = Criterion(self.metric, self.higher_is_better)
        label = codec.labels[1]
        predictions = predict_items(head, codec, items, config).predictions
        tuned = tune_threshold(predictions, examples, label, self.score, criterion)
        head.decision.threshold.fill_(tuned.value)
        scores = {"score": criterion.score, "tuned": tuned.score, "at_half": tuned.score_at_half}
        return {"threshold": {"label": label, "value": tuned.value, **scores}}

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "TF-IDF with logistic regression"

    def predict_baseline(self, config: C, splits: Splits[Example]) -> list[Classified]:
        """TF-IDF with logistic regression."""
        return tfidf_baseline(splits, config.tokenizer)

    def tables(self, predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
        """Scores of each label, confusions, and the worst mistakes."""
        return classification_tables(predictions, examples)

    def export(self, head: ClassificationHead, codec: TextCodec) -> Exported:
        """``tokens`` and ``lengths`` to ``logits`` and ``probabilities``."""
        return export_classifier(head, codec)

    def ensemble(self, heads: Sequence[ClassificationHead]) -> LabelEnsemble:
        """The average of the probabilities, and of the thresholds if any has one."""
        return LabelEnsemble(heads, with_average_threshold(heads))

    def explain(self, head: ClassificationHead, codec: TextCodec, raw: str) -> Explanation:
        """The log-probability of the predicted label, and the tokens of the text."""
        tokens = codec.split(raw)
        log_probabilities = torch.log_softmax(head(codec.collate([codec.encode(raw)])), 1)
        (best,) = head.decide(log_probabilities.exp()).tolist()
        label, score = head.labels[best], log_probabilities[0, best]
        return Explanation(
            f"{label} ({score.exp().item():.3f})", score, {"encoder.recurrent": tokens}, (tokens, [label])
        )
