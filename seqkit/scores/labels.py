"""Scores of labels: how often they are right, alone and as the spans that they mark, and which are taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seqkit.data.schemes import spans
from seqkit.tables import Table

TOTAL = "all"
"""The key of the score over entities of every type."""

_WIDTH = 80


class LabelScore(NamedTuple):
    """Of what was found, the part that is right; of what is true, the part that was found; ``2PR / (P + R)``.

    A quotient of nothing is 0. ``support`` is how often the label is true.
    """

    precision: float
    recall: float
    f1: float
    support: int


def accuracy(truth: Sequence[str], found: Sequence[str]) -> float:
    """The part that is right, 0 of nothing."""
    return sum(one == other for one, other in zip(truth, found, strict=True)) / max(1, len(truth))


def macro_f1(truth: Sequence[str], found: Sequence[str]) -> float:
    """The mean F1 of the labels that are true or found somewhere, 0 of nothing."""
    each = label_scores(truth, found).values()
    return sum(score.f1 for score in each) / max(1, len(each))


def label_scores(truth: Sequence[str], found: Sequence[str]) -> dict[str, LabelScore]:
    """The scores of each label that is true or found somewhere, in their order."""
    right = Counter(one for one, other in zip(truth, found, strict=True) if one == other)
    return _scores(right, Counter(truth), Counter(found))


def entity_scores(truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> dict[str, LabelScore]:
    """Scores of spans, as conlleval counts them: of each type, and of all together under ``all``, which comes last.

    A span is right if both ends and the type are (Tjong Kim Sang and Buchholz, 2000, W00-0726). The tags of each
    sentence may break their scheme, or be of another than those they are held against; see
    :func:`~seqkit.data.schemes.spans`.
    """
    right, true, answered = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(truth, found, strict=True):
        expected, guessed = set(spans(one)), set(spans(other))
        for counts, several in ((right, expected & guessed), (true, expected), (answered, guessed)):
            counts.update(span.type for span in several)
    total = _score(right.total(), true.total(), answered.total())
    return {**_scores(right, true, answered), TOTAL: total}


def entity_f1(truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> float:
    """F1 over spans of every type."""
    return entity_scores(truth, found)[TOTAL].f1


def label_table(truth: Sequence[str], found: Sequence[str], most: int = 40) -> Table:
    """The scores of the labels that are most frequent."""
    scores = sorted(label_scores(truth, found).items(), key=lambda item: -item[1].support)
    title = "Labels" if len(scores) <= most else f"Labels, the {most} most frequent of {len(scores):,}"
    rows = [[label, *score] for label, score in scores[:most]]
    return Table(title, ["label", "precision", "recall", "F1", "count"], rows)


def confusion_table(truth: Sequence[str], found: Sequence[str], most: int = 20) -> Table:
    """How often each label was answered for each; at most so many labels, and no more than fit 80 columns.

    Those in most confusions stay, of those in as many the most frequent.
    """
    counts = Counter(zip(truth, found, strict=True))
    labels = {label for pair in counts for label in pair}
    kept = _most_confused(counts)[:most]
    while len(kept) > 2 and _width(kept, counts) > _WIDTH:
        kept.pop()
    title = "Confusion: rows are the truth, columns the model's answers"
    if len(kept) < len(labels):
        title = f"Confusion, the {len(kept)} most confused of {len(labels):,}: rows are the truth, columns the answers"
    rows = [[one, *(counts[one, other] for other in sorted(kept))] for one in sorted(kept)]
    return Table(title, ["", *sorted(kept)], rows)


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


def _scores(right: Counter[str], true: Counter[str], found: Counter[str]) -> dict[str, LabelScore]:
    return {label: _score(right[label], true[label], found[label]) for label in sorted({*true, *found})}


def _score(right: int, true: int, found: int) -> LabelScore:
    return LabelScore(right / max(1, found), right / max(1, true), 2 * right / max(1, true + found), true)
