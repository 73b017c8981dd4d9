"""A set of labels for a text, from a column of a file to its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from seqkit.answers.labels import LabelSet, written
from seqkit.data import DataError, Splits
from seqkit.data.readers import LABELS, LabelSetExample, each_label_set, read_label_sets, shown
from seqkit.graphs import Answering, Answers, Exported
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.scores.label_sets import indicators, set_counts, set_label_scores
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.many_to_one.explain import explained, outputs_apart
from seqkit.topologies.many_to_one.export import export_text_head
from seqkit.topologies.many_to_one.label_sets.codec import LabelSetCodec
from seqkit.topologies.many_to_one.label_sets.head import LabelSetHead
from seqkit.topologies.many_to_one.label_sets.prior import LabelSetPrior
from seqkit.topologies.many_to_one.label_sets.regression import LabelSetRegression
from seqkit.topologies.many_to_one.label_sets.scores import label_set_tables, one_vs_rest_baseline
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.target import Target
from seqkit.topologies.many_to_one.texts import tokenizer_of
from seqkit.topologies.powers import Explanation
from seqkit.topologies.thresholds import AUTO, SET_SCORES, given_threshold, tune_thresholds

METRIC = SET_SCORES[0]


class LabelSetTarget(Target[LabelSetExample, LabelSet, LabelSetCodec, LabelSetHead]):
    """Any number of labels: a sigmoid for each, F1 over all labels and exact match.

    The baseline is TF-IDF with a logistic regression for each label.
    """

    baseline_name = "logistic regression for each label on TF-IDF"
    name, example, prediction, codec = LABELS, LabelSetExample, LabelSet, LabelSetCodec

    def read(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> list[LabelSetExample]:
        """A column of lists or joined labels, or a column for each label."""
        columns = (config.text_column, config.label_column)
        return read_label_sets(path, *columns, notes, config.weight_column, config.label_separator, config.form)

    def each(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> Iterator[LabelSetExample]:
        """A column of lists or joined labels, or a column for each label."""
        columns = (config.text_column, config.label_column)
        return each_label_set(path, *columns, notes, config.weight_column, config.label_separator, config.form)

    def check(self, examples: Sequence[LabelSetExample], splits: int) -> None:
        """Nothing: a split of its own is given for whatever cannot be divided."""

    def check_known(self, examples: Sequence[LabelSetExample], codec: LabelSetCodec) -> None:
        """Raises :class:`DataError` for a label that the model does not know."""
        _check_labels(examples, set(codec.labels))

    def check_given(self, examples: Sequence[LabelSetExample], train: Sequence[LabelSetExample]) -> None:
        """Raises :class:`DataError` for a label that the training split lacks."""
        _check_labels(examples, _labels(train))

    def stratum(self, examples: Sequence[LabelSetExample]) -> Callable[[LabelSetExample], str]:
        """The rarest label of each text, so that rare labels are divided among the splits, too."""
        counts = Counter(label for example in examples for label in example.labels)
        return lambda example: min(example.labels, key=lambda label: (counts[label], label), default="")

    def notes(self, splits: Splits[LabelSetExample]) -> list[str]:
        """A label that no split but validation or test has."""
        known = _labels(splits.train)
        unseen = [label for part in (splits.valid, splits.test) for label in sorted(_labels(part) - known)]
        if not unseen:
            return []
        return [f"label {shown(unseen[0])} is not in the training split, so it cannot be learned; add examples of it"]

    def learn_codec(self, config: ManyToOneOptions, train: Sequence[LabelSetExample]) -> LabelSetCodec:
        """Vocabulary, labels and their weights, of the training split."""
        given_threshold(config.threshold)
        return LabelSetCodec.learn(config, train)

    def load_codec(self, files: Mapping[str, Any]) -> LabelSetCodec:
        """The codec of a run."""
        return LabelSetCodec.from_json(files)

    def build_head(self, config: ManyToOneOptions, codec: LabelSetCodec, encoder: Encoder) -> LabelSetHead:
        """A sigmoid for each label."""
        *counts, texts = codec.frequencies
        prior = LabelSetPrior(codec.ngrams.counts, counts, texts) if codec.ngrams else None
        threshold, pairs = given_threshold(config.threshold) or 0.5, codec.texts == 2
        regression = None
        if codec.ngrams and codec.ngrams.regression:
            regression = LabelSetRegression.of(len(codec.ngrams.counts), len(codec.labels))
        return LabelSetHead(
            encoder, codec.labels, config.dropout, codec.class_weights, threshold, prior, pairs, regression
        )

    def criterion(self, codec: LabelSetCodec, of_task: Criterion) -> Criterion:
        """F1 over all labels at once."""
        return Criterion(METRIC, True)

    def predict_baseline(self, config: ManyToOneOptions, splits: Splits[LabelSetExample]) -> list[LabelSet]:
        """TF-IDF with a logistic regression for each label."""
        return one_vs_rest_baseline(splits, tokenizer_of(config), METRIC)

    def settled(
        self, config: ManyToOneOptions, predictions: Sequence[LabelSet], examples: Sequence[LabelSetExample]
    ) -> list[LabelSet]:
        """With the best threshold for all labels, unless one is given.

        Labels of which few texts have any would otherwise not count until their probabilities reach one half.
        """
        if given_threshold(config.threshold) is not None or not predictions:
            return list(predictions)
        labels = list(predictions[0].probabilities)
        probabilities, truth = _arrays(predictions, examples, labels)
        best = tune_thresholds(probabilities, truth, METRIC, each=False).values[0]
        return [
            replace(p, labels=tuple(label for label, value in p.probabilities.items() if value >= best))
            for p in predictions
        ]

    def tune(
        self,
        config: ManyToOneOptions,
        head: LabelSetHead,
        predictions: Sequence[LabelSet],
        examples: Sequence[LabelSetExample],
        criterion: Criterion,
        score: Callable[[Sequence[LabelSet], Sequence[LabelSetExample]], dict[str, float]],
    ) -> dict[str, Any]:
        """Tunes the thresholds, unless one is given: one for all labels, or one for each if requested."""
        if given_threshold(config.threshold) is not None:
            return {}
        name = criterion.score if criterion.score in SET_SCORES else METRIC
        probabilities, truth = _arrays(predictions, examples, head.labels)
        tuned = tune_thresholds(probabilities, truth, name, each=config.threshold == AUTO)
        head.thresholds.copy_(torch.from_numpy(tuned.values))
        scores = {"score": name, "tuned": tuned.score, "at_half": tuned.score_at_half}
        return {"thresholds": {"values": dict(zip(head.labels, tuned.values.tolist(), strict=True)), **scores}}

    def score(self, predictions: Sequence[LabelSet], examples: Sequence[LabelSetExample]) -> dict[str, float]:
        """F1 over all labels at once, the average F1 of labels, and the fraction of the sets that are correct."""
        counts = self.score_counts(predictions, examples)
        return counts.score(counts.rows.sum(0))

    def score_counts(self, predictions: Sequence[LabelSet], examples: Sequence[LabelSetExample]) -> ScoreCounts:
        """Correct, true and predicted labels."""
        return set_counts([e.labels for e in examples], [p.labels for p in predictions])

    def label_scores(
        self, predictions: Sequence[LabelSet], examples: Sequence[LabelSetExample]
    ) -> dict[str, LabelScore]:
        """Precision, recall, F1 and support of each label."""
        return set_label_scores([e.labels for e in examples], [p.labels for p in predictions])

    def tables(self, predictions: Sequence[LabelSet], examples: Sequence[LabelSetExample]) -> list[Table]:
        """Scores of each label, and the worst mistakes."""
        return label_set_tables(predictions, examples)

    def format_prediction(self, prediction: LabelSet) -> tuple[str, dict[str, Any]]:
        """``a|b  probabilities``, and the probabilities of all labels as JSON."""
        return prediction.formatted()

    def confidences(self, prediction: LabelSet, example: LabelSetExample) -> list[tuple[float, bool]]:
        """The probability of each label that is predicted, and whether it is correct."""
        return [(prediction.probabilities[label], label in example.labels) for label in prediction.labels]

    def probabilities(self, prediction: LabelSet) -> dict[str, float]:
        """Of every label; they need not sum to 1."""
        return prediction.probabilities

    def export(self, head: LabelSetHead, codec: LabelSetCodec) -> Exported:
        """``tokens`` and ``lengths`` to ``logits`` and ``probabilities``; symbols have the thresholds."""
        thresholds = dict(zip(head.labels, head.thresholds.tolist(), strict=True))
        symbols = {**codec.to_json(), "thresholds": thresholds}
        answers = Answers(
            {"probabilities": ("batch", len(head.labels))},
            lambda logits: {"probabilities": torch.sigmoid(logits)},
            lambda graph, logits: {"probabilities": graph.add("Sigmoid", logits)},
        )
        answering = Answering("label sets", codec.to_json(), {"thresholds": head.thresholds.tolist()})
        return export_text_head(head, codec, len(head.labels), symbols, answering, answers)

    def explain(self, head: LabelSetHead, codec: LabelSetCodec, raw: str) -> Explanation:
        """The log-probability of all labels that are predicted, else of the most likely; and the tokens of the text."""
        (logits,) = outputs_apart(head, codec, raw)
        chosen = head.decide(torch.sigmoid(logits))
        labels = [label for label, has in zip(head.labels, chosen.tolist(), strict=True) if has]
        score: Tensor = logsigmoid(logits[chosen]).sum() if labels else logsigmoid(logits.max())
        likelihood = f"{score.exp().item():.3f}" if labels else f"at most {score.exp().item():.3f}"
        probabilities = dict(zip(head.labels, torch.sigmoid(logits).tolist(), strict=True))
        said = explained(codec, raw, f"{written(labels)} ({likelihood})", written(labels), score)
        return said._replace(probabilities=probabilities)


def _arrays(
    predictions: Sequence[LabelSet], examples: Sequence[LabelSetExample], labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and truth, (N, L) each."""
    probabilities = np.array([list(p.probabilities.values()) for p in predictions])
    return probabilities, indicators([e.labels for e in examples], labels)


def _labels(examples: Sequence[LabelSetExample]) -> set[str]:
    return {label for example in examples for label in example.labels}


def _check_labels(examples: Sequence[LabelSetExample], known: set[str]) -> None:
    for example in examples:
        for label in example.labels:
            if label not in known:
                what = f"label {shown(label)} is not in the training split; correct it or add examples"
                raise DataError(what, example.location)
