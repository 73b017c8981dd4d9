"""Scores of sets of labels: F1 over all labels at once and label by label, and how many sets are right as a whole.

N sets, L labels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from seqkit.scores.labels import LabelScore, score_of
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table

Sets = Sequence[Collection[str]]
"""The labels of each text, or frame"""


def set_counts(truth: Sets, predicted: Sets) -> ScoreCounts:
    """Of each pair of sets: 1, whether they are equal; and label by label whether it is correct, true, predicted.

    The scores of a sum are ``micro_f1 = 2 Σ_l correct_l / Σ_l (true_l + predicted_l)``, ``macro_f1``, the mean over the
    labels that are true or predicted somewhere of their own F1, and ``exact_match``, the fraction of the sets that are
    equal (subset accuracy). Where no label is true or predicted, F1 is 1: nothing is wrong.
    """
    labels = sorted({label for sets in (truth, predicted) for labels in sets for label in labels})
    return ScoreCounts(_rows(indicators(truth, labels), indicators(predicted, labels)), _scores_of)


def indicator_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The same scores of sets that are given as (N, L) of bool."""
    return _scores_of(_rows(truth, predicted).sum(0))


def _rows(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    equal = (truth == predicted).all(1, keepdims=True)
    columns = [np.ones_like(equal), equal, truth & predicted, truth, predicted]
    return np.concatenate(columns, 1).astype(np.float64)


def indicators(sets: Sets, labels: Sequence[str]) -> np.ndarray:
    """(N, L) of bool: which of the labels each set has; others are left out."""
    number = {label: place for place, label in enumerate(labels)}
    found = np.zeros((len(sets), len(labels)), bool)
    for row, members in enumerate(sets):
        found[row, [number[label] for label in members if label in number]] = True
    return found


def _scores_of(sums: np.ndarray) -> dict[str, float]:
    count, equal, *labels = sums
    correct, true, predicted = np.reshape(labels, (3, -1))
    seen = true + predicted > 0
    macro = (2 * correct[seen] / (true + predicted)[seen]).mean() if seen.any() else 1.0
    micro = 2 * correct.sum() / (true + predicted).sum() if seen.any() else 1.0
    return {"micro_f1": float(micro), "macro_f1": float(macro), "exact_match": float(equal / max(1, count))}


def set_label_scores(truth: Sets, predicted: Sets) -> dict[str, LabelScore]:
    """Precision, recall, F1 and support of each label that is true or predicted somewhere, in alphabetical order."""
    labels = sorted({label for sets in (truth, predicted) for members in sets for label in members})
    one, other = (indicators(sets, labels) for sets in (truth, predicted))
    counts = zip(labels, (one & other).sum(0).tolist(), one.sum(0).tolist(), other.sum(0).tolist(), strict=True)
    return {label: score_of(correct, true, found) for label, correct, true, found in counts}


def set_table(scores: Mapping[str, LabelScore], most: int = 40) -> Table:
    """The scores of the labels that are most frequent."""
    ordered = sorted(scores.items(), key=lambda item: -item[1].support)
    title = "Labels" if len(ordered) <= most else f"Labels, the {most} most frequent of {len(ordered):,}"
    rows = [[label, *score] for label, score in ordered[:most]]
    return Table(title, ["label", "precision", "recall", "F1", "count"], rows)
