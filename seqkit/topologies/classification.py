"""One label for a whole input: what one to one, which reads vectors, and many to one, which reads texts, share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from seqkit.answers.labels import Classified
from seqkit.data import DataError, Example
from seqkit.data.readers import shown
from seqkit.errors import UsageError
from seqkit.scores.labels import LabelScore, accuracy, confusion_table, label_scores, label_table, macro_f1
from seqkit.tables import Table
from seqkit.topologies.class_weights import ClassWeights, choose_class_weights
from seqkit.topologies.ensemble import LabelEnsemble
from seqkit.topologies.task import C, H, K, Task


class ClassificationTask(Task[C, Example, Classified, K, H]):
    """What every task does that gives one label to a whole input, in whatever form that comes."""

    metric = "accuracy"

    def input_of(self, example: Example) -> str:
        """The text; of a vector, its numbers as text."""
        return example.text

    def score(self, predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, float]:
        """Accuracy and macro-F1."""
        return classification_scores(predictions, examples)

    def label_scores(self, predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, LabelScore]:
        """Precision, recall, F1 and support of each label."""
        return label_scores([e.label for e in examples], [p.label for p in predictions])

    def format_prediction(self, prediction: Classified) -> tuple[str, dict[str, Any]]:
        """``label  probability``, and the probabilities of all labels as JSON."""
        return prediction.formatted()

    def confidences(self, prediction: Classified, example: Example) -> list[tuple[float, bool]]:
        """The probability of the label, and whether it is correct."""
        return [(prediction.confidence, prediction.label == example.label)]

    def probabilities(self, prediction: Classified) -> dict[str, float]:
        """Of every label."""
        return prediction.probabilities

    def agreement(self, head: H, codec: K) -> Mapping[str, Any]:
        """Members of an ensemble know the same labels."""
        return {"labels": head.labels}

    def ensemble(self, heads: Sequence[H]) -> LabelEnsemble:
        """The average of the probabilities."""
        return LabelEnsemble(heads)


def classification_scores(predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, float]:
    """Accuracy and macro-F1."""
    truth, predicted = [e.label for e in examples], [p.label for p in predictions]
    return {"accuracy": accuracy(truth, predicted), "macro_f1": macro_f1(truth, predicted)}


def labels_and_confusions(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
    """The scores of each label, and how often each was predicted for each true one."""
    truth, predicted = [e.label for e in examples], [p.label for p in predictions]
    return [label_table(truth, predicted), confusion_table(truth, predicted)]


def misclassified(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[tuple[Classified, Example]]:
    """The wrong predictions with their examples, in the order of the examples."""
    return [(p, e) for p, e in zip(predictions, examples, strict=True) if p.label != e.label]


def labels_of(
    train: Sequence[Example], class_weight: str | None, encoding: str | None = None
) -> tuple[list[str], ClassWeights | None]:
    """The labels of the training split, sorted, and the weights that the option asks for."""
    counts: dict[str, float] = {}
    for example in train:
        counts[example.label] = counts.get(example.label, 0.0) + example.weight
    labels = sorted(counts)
    return labels, choose_class_weights(class_weight, labels, counts, encoding)


class Weighted(Protocol):
    """An item with a weight in the loss."""

    @property
    def weight(self) -> float:
        """1 for most."""
        ...


def weights_of(items: Sequence[Weighted]) -> Tensor | None:
    """The weights (B); None where all are 1, so that a loss without weights is what it always was."""
    weights = [item.weight for item in items]
    return None if all(weight == 1 for weight in weights) else torch.tensor(weights, dtype=torch.float32)


def check_weight_column(weight_column: str | None, data: str, data_sets: Collection[str]) -> None:
    """Raises :class:`UsageError` for a column of weights in data that are not in a file."""
    if weight_column is not None and data in data_sets:
        raise UsageError(f"--weight-column is for a file, and {data} has no weights; leave it out")


def check_labels(examples: Iterable[Example], known: Collection[str]) -> None:
    """Raises :class:`DataError` at the first example whose label is not among those known."""
    for example in examples:
        if example.label not in known:
            what = f"label {shown(example.label)} is not in the training split; correct it or add examples"
            raise DataError(what, example.location)
