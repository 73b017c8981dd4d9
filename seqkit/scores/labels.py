"""Scores of labels: how often they are correct, alone and as the spans they mark, and which are confused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seqkit.data.schemes import spans
from seqkit.tables import TERMINAL_WIDTH, Table

TOTAL = "all"
"""The key of the score over entities of every type."""


class LabelScore(NamedTuple):
    """Precision P, recall R and F1 of a label: ``2PR / (P + R)``.

    P is the fraction of the predictions of the label that is correct, R the fraction of its occurrences that is
    predicted; a fraction of nothing is 0. ``support`` is the number of its occurrences.
    """

    precision: float
    recall: float
    f1: float
    support: int


def accuracy(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """The fraction of the predictions that is correct, 0 of nothing."""
    return sum(one == other for one, other in zip(truth, predicted, strict=True)) / max(1, len(truth))


def macro_f1(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """The mean F1 of the labels that are true or predicted somewhere, 0 of nothing."""
    scores = label_scores(truth, predicted).values()
    return sum(score.f1 for score in scores) / max(1, len(scores))


def label_scores(truth: Sequence[str], predicted: Sequence[str]) -> dict[str, LabelScore]:
    """The scores of each label that is true or predicted somewhere, in alphabetical order."""
    correct = Counter(one for one, other in zip(truth, predicted, strict=True) if one == other)
    return _scores(correct, Counter(truth), Counter(predicted))


def entity_scores(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, LabelScore]:
    """Scores of spans, as conlleval counts them: of each type, and of all together under ``all``, which comes last.

    A span is correct if both ends and the type are (Tjong Kim Sang and Buchholz, 2000, W00-0726). The tags of a
    sentence may break their scheme, or be of another one than those they are compared with; see
    :func:`~seqkit.data.schemes.spans`.
    """
    correct, true, guessed = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(truth, predicted, strict=True):
        expected, found = set(spans(one)), set(spans(other))
        for counts, some in ((correct, expected & found), (true, expected), (guessed, found)):
            counts.update(span.type for span in some)
    total = score_of(correct.total(), true.total(), guessed.total())
    return {**_scores(correct, true, guessed), TOTAL: total}


def entity_f1(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """F1 over spans of every type."""
    return entity_scores(truth, predicted)[TOTAL].f1


def label_table(truth: Sequence[str], predicted: Sequence[str], most: int = 40) -> Table:
    """The scores of the labels that are most frequent."""
    scores = sorted(label_scores(truth, predicted).items(), key=lambda item: -item[1].support)
    title = "Labels" if len(scores) <= most else f"Labels, the {most} most frequent of {len(scores):,}"
    rows = [[label, *score] for label, score in scores[:most]]
    return Table(title, ["label", "precision", "recall", "F1", "count"], rows)


def entity_table(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Table:
    """The scores of spans of each type, the most frequent first, and of all together."""
    scores = entity_scores(truth, predicted)
    total = scores.pop(TOTAL)
    ordered = sorted(scores.items(), key=lambda item: -item[1].support)
    rows = [[kind, *score] for kind, score in [*ordered, (TOTAL, total)]]
    return Table("Spans", ["type", "precision", "recall", "F1", "count"], rows)


def confusion_table(truth: Sequence[str], predicted: Sequence[str], most: int = 20) -> Table:
    """How often each label was predicted for each; at most this many labels, and no more than fit 80 columns.

    Those in most confusions are shown, of those in as many the most frequent.
    """
    counts = Counter(zip(truth, predicted, strict=True))
    labels = {label for pair in counts for label in pair}
    shown = _most_confused(counts)[:most]
    while len(shown) > 2 and _width(shown, counts) > TERMINAL_WIDTH:
        shown.pop()
    title = "Confusion: rows are the truth, columns the model's answers"
    if len(shown) < len(labels):
        title = f"Confusion, the {len(shown)} most confused of {len(labels):,}: rows are the truth, columns the answers"
    ordered = in_reading_order(shown)
    rows = [[one, *(counts[one, other] for other in ordered)] for one in ordered]
    return Table(title, ["", *ordered], rows)


def in_reading_order(labels: Iterable[str]) -> list[str]:
    """Labels by the alphabet; by their value if all are numbers, so that neighbours are next to each other."""
    alphabetic = sorted(labels)
    try:
        values = {label: float(label) for label in alphabetic}
    except ValueError:
        return alphabetic
    return sorted(alphabetic, key=values.__getitem__) if all(map(math.isfinite, values.values())) else alphabetic


def _most_confused(counts: Mapping[tuple[str, str], int]) -> list[str]:
    wrong, seen = Counter[str](), Counter[str]()
    for (one, other), times in counts.items():
        for label in (one, other):
            wrong[label] += times if one != other else 0
            seen[label] += times
    return sorted(seen, key=lambda label: (-wrong[label], -seen[label], label))


def _width(labels: Sequence[str], counts: Counter[tuple[str, str]]) -> int:
    """Columns of the table with these labels, two spaces between."""
    names = max(map(len, labels))
    cells = [max(len(other), *(len(f"{counts[one, other]:,}") for one in labels)) for other in labels]
    return names + sum(2 + cell for cell in cells)


def _scores(correct: Counter[str], true: Counter[str], predicted: Counter[str]) -> dict[str, LabelScore]:
    return {label: score_of(correct[label], true[label], predicted[label]) for label in sorted({*true, *predicted})}


def score_of(correct: int, true: int, predicted: int) -> LabelScore:
    """The scores of a label from how often it is predicted correctly, true and predicted."""
    f1 = 2 * correct / max(1, true + predicted)
    return LabelScore(correct / max(1, predicted), correct / max(1, true), f1, true)
