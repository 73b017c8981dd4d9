"""One label for a text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from seqkit.answers.labels import Classified
from seqkit.data import DataError, Example, Splits, check_classes, read_examples
from seqkit.data.readers import LABEL, each_example
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.scores.labels import LabelScore, label_scores
from seqkit.tables import Table
from seqkit.topologies.classification import check_labels, classification_scores
from seqkit.topologies.many_to_one.codec import TextCodec
from seqkit.topologies.many_to_one.explain import explained, outputs_apart
from seqkit.topologies.many_to_one.export import export_classifier
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.label_regression import LabelRegression
from seqkit.topologies.many_to_one.ngrams import NgramPrior
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.scores import classification_tables, tfidf_baseline
from seqkit.topologies.many_to_one.target import Target
from seqkit.topologies.many_to_one.texts import tokenizer_of
from seqkit.topologies.many_to_one.threshold import first_threshold, tune_threshold
from seqkit.topologies.powers import Explanation
from seqkit.topologies.thresholds import AUTO

_FEW = 10
"""Different numbers as labels, from which on they are hardly classes"""


class LabelTarget(Target[Example, Classified, TextCodec, ClassificationHead]):
    """One label of several: a softmax, accuracy and macro-F1, held against TF-IDF with logistic regression."""

    baseline_name = "TF-IDF with logistic regression"
    name, example, prediction, codec = LABEL, Example, Classified, TextCodec

    def read(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> list[Example]:
        """A column of labels."""
        columns = (config.text_column, config.label_column)
        return read_examples(path, *columns, notes=notes, weight_column=config.weight_column, form=config.form)

    def each(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> Iterator[Example]:
        """A column of labels."""
        columns = (config.text_column, config.label_column)
        return each_example(path, *columns, notes=notes, weight_column=config.weight_column, form=config.form)

    def check(self, examples: Sequence[Example], splits: int) -> None:
        """Raises :class:`DataError` for a class too small to be in every split."""
        try:
            check_classes(examples, splits)
        except DataError as error:
            hint = _other_target({example.label for example in examples})
            message = str(error).removeprefix(f"{error.location}: ")
            raise DataError(f"{message}{hint}", error.location, of_row=False) from None

    def check_known(self, examples: Sequence[Example], codec: TextCodec) -> None:
        """Raises :class:`DataError` for a label that the model does not know."""
        check_labels(examples, codec.labels)

    def check_given(self, examples: Sequence[Example], train: Sequence[Example]) -> None:
        """Raises :class:`DataError` for a label that the training split lacks."""
        check_labels(examples, {example.label for example in train})

    def stratum(self, examples: Sequence[Example]) -> Callable[[Example], str]:
        """Each label."""
        return lambda example: example.label

    def learn_codec(self, config: ManyToOneOptions, train: Sequence[Example]) -> TextCodec:
        """Vocabulary, labels and their weights, of the training split."""
        return TextCodec.learn(config, train)

    def load_codec(self, files: Mapping[str, Any]) -> TextCodec:
        """The codec of a run."""
        return TextCodec.from_json(files)

    def build_head(self, config: ManyToOneOptions, codec: TextCodec, encoder: Encoder) -> ClassificationHead:
        """A softmax over the labels."""
        threshold = first_threshold(config.threshold, codec.labels)
        grams = codec.ngrams
        prior = NgramPrior(grams.counts, len(codec.labels), grams.weighted, config.dropout) if grams else None
        classes = len(codec.labels)
        return ClassificationHead(
            encoder,
            codec.labels,
            config.dropout,
            codec.class_weights,
            threshold,
            prior,
            pairs=codec.texts == 2,
            regression=LabelRegression.of(len(grams.counts), classes) if grams and grams.regression else None,
        )

    def criterion(self, codec: TextCodec, of_task: Criterion) -> Criterion:
        """That of the task."""
        return of_task

    def predict_baseline(self, config: ManyToOneOptions, splits: Splits[Example]) -> list[Classified]:
        """TF-IDF with logistic regression."""
        return tfidf_baseline(splits, tokenizer_of(config))

    def tune(
        self,
        config: ManyToOneOptions,
        head: ClassificationHead,
        predictions: Sequence[Classified],
        examples: Sequence[Example],
        criterion: Criterion,
        score: Callable[[Sequence[Classified], Sequence[Example]], dict[str, float]],
    ) -> dict[str, Any]:
        """Tunes the threshold of two labels for the score that chose the model, if requested."""
        if config.threshold != AUTO or head.decision is None:
            return {}
        label = head.labels[1]
        tuned = tune_threshold(predictions, examples, label, score, criterion)
        head.decision.threshold.fill_(tuned.value)
        scores = {"score": criterion.score, "tuned": tuned.score, "at_half": tuned.score_at_half}
        return {"threshold": {"label": label, "value": tuned.value, **scores}}

    def score(self, predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, float]:
        """Accuracy and macro-F1."""
        return classification_scores(predictions, examples)

    def label_scores(self, predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, LabelScore]:
        """Precision, recall, F1 and support of each label."""
        return label_scores([e.label for e in examples], [p.label for p in predictions])

    def tables(self, predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
        """Scores of each label, confusions, and the worst mistakes."""
        return classification_tables(predictions, examples)

    def format_prediction(self, prediction: Classified) -> tuple[str, dict[str, Any]]:
        """``label  probability``, and the probabilities of all labels as JSON."""
        return prediction.formatted()

    def confidences(self, prediction: Classified, example: Example) -> list[tuple[float, bool]]:
        """The probability of the label, and whether it is correct."""
        return [(prediction.confidence, prediction.label == example.label)]

    def probabilities(self, prediction: Classified) -> dict[str, float]:
        """Of every label."""
        return prediction.probabilities

    def export(self, head: ClassificationHead, codec: TextCodec) -> Exported:
        """``tokens`` and ``lengths`` to ``logits`` and ``probabilities``."""
        return export_classifier(head, codec)

    def explain(self, head: ClassificationHead, codec: TextCodec, raw: str) -> Explanation:
        """The log-probability of the predicted label, and the tokens of the text."""
        log_probabilities = torch.log_softmax(outputs_apart(head, codec, raw), 1)
        (best,) = head.decide(log_probabilities.exp()).tolist()
        label, score = head.labels[best], log_probabilities[0, best]
        probabilities = dict(zip(head.labels, log_probabilities[0].exp().tolist(), strict=True))
        said = explained(codec, raw, f"{label} ({score.exp().item():.3f})", label, score)
        return said._replace(probabilities=probabilities)


def _other_target(labels: Collection[str]) -> str:
    """What these labels may be if they are no classes, as the end of a sentence."""
    if any(mark in label and all(part.strip() for part in label.split(mark)) for label in labels for mark in "|;,"):
        return "; if a cell has several labels, --target labels learns them as a set"
    if len(labels) > _FEW and all(_is_number(label) for label in labels):
        return "; if the labels are numbers to be predicted, give --target number"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
