"""Scores of labels for words, the tables that show them, and the baseline that they are held against.

What is scored depends on the scheme: spans where labels mark spans, marks and capitals where they restore a text, else
the labels themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqkit.answers.steps import Tagged, tagged_text
from seqkit.data.punctuation import MARKED, MARKS
from seqkit.data.questions import ASKED
from seqkit.data.schemes import spans
from seqkit.data.tagged import Sentence
from seqkit.scores.labels import (
    TOTAL,
    LabelScore,
    confusion_table,
    entity_scores,
    entity_table,
    label_scores,
    label_table,
)
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table

_SHOWN = 3
"""Sentences shown after each epoch."""


def tagging_metric(scheme: str | None) -> str:
    """The score that models are compared by: F1 of marks or of spans, which accuracy hides; else accuracy."""
    return {None: "accuracy", ASKED: "accuracy", MARKED: "f1_marks"}.get(scheme, "f1")


def _scheme_of(predictions: Sequence[Tagged]) -> str | None:
    """What the labels of predictions mean."""
    return predictions[0].scheme if predictions else None


def tagging_counts(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> ScoreCounts:
    """Of each sentence: correct words, all words, and of each kind of label or span those correct, true, predicted.

    Scores are token accuracy, and F1 of spans, of marks and capitals, or averaged over labels, as the scheme has it.
    """
    scheme = _scheme_of(predictions)
    pairs = [(e.tags, p.tags) for p, e in zip(predictions, examples, strict=True)]
    units = [(_units(truth, scheme), _units(answer, scheme)) for truth, answer in pairs]
    kinds = sorted({kind for pair in units for side in pair for kind, _ in side})
    rows = np.zeros((len(pairs), 2 + 3 * len(kinds)))
    for row, (truth, answer), (true, predicted) in zip(rows, pairs, units, strict=True):
        counts = [Counter(kind for kind, _ in side) for side in (true & predicted, true, predicted)]
        correct = sum(one == other for one, other in zip(truth, answer, strict=True))
        row[:] = [correct, len(truth), *(count[kind] for count in counts for kind in kinds)]
    return ScoreCounts(rows, lambda sums: _scores_of(sums, kinds, scheme))


def _units(tags: Sequence[str], scheme: str | None) -> set[tuple[str, Any]]:
    """What a sentence is scored by, each with its kind: labels, spans, or marks and capitals."""
    if scheme is None:
        return {(tag, place) for place, tag in enumerate(tags)}
    if scheme != MARKED:
        return {(TOTAL, span) for span in spans(tags)}
    marks = {(mark, place) for place, mark in enumerate(_mark_names(tags))}
    return marks | {("lower" if tag[:2] == "aa" else "capital", place) for place, tag in enumerate(tags)}


def _scores_of(sums: np.ndarray, kinds: Sequence[str], scheme: str | None) -> dict[str, float]:
    """The scores of a sum of rows."""
    correct, words, *counts = map(float, sums)
    scores = {"accuracy": correct / max(1, words)}
    by_kind = dict(zip(kinds, np.reshape(counts, (3, -1)).T.tolist(), strict=True))
    f1 = {kind: 2 * both / (true + guessed) for kind, (both, true, guessed) in by_kind.items() if true + guessed}
    if scheme == MARKED:
        marks = {f"f1_{name}": f1.get(name, 0.0) for name in MARKS.values()}
        return {**scores, "f1_marks": sum(marks.values()) / len(marks), **marks, "f1_capitals": f1.get("capital", 0.0)}
    if scheme is None:
        return {**scores, "macro_f1": sum(f1.values()) / max(1, len(f1))}
    both, true, guessed = by_kind.get(TOTAL, (0.0, 0.0, 0.0))
    return {**scores, "f1": f1.get(TOTAL, 0.0), "precision": both / max(1, guessed), "recall": both / max(1, true)}


def _mark_names(tags: Sequence[str]) -> list[str]:
    return [MARKS.get(tag[2:], "nothing") for tag in tags]


def tagging_samples(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
    """A few sentences of readable length as the model labels them, the truth above."""
    pairs = [pair for pair in zip(predictions, examples, strict=True) if 4 < len(pair[0].words) < 20][:_SHOWN]
    rows = [row for p, e in pairs for row in (["truth", tagged_text(e.words, e.tags, p.scheme)], ["model", p.text])]
    return [Table("", ["", ""], rows)]


def tagging_tables(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
    """Scores of spans and of each label, confusions, and the words most often wrong; of a restored text a few samples
    instead of those."""
    scheme, (truth, predicted) = _scheme_of(predictions), _all_labels(predictions, examples)
    tables = [label_table(truth, predicted), confusion_table(truth, predicted)]
    if scheme == MARKED:
        return [*tables, *tagging_samples(predictions, examples)]
    spans_by_type = [] if scheme is None else [entity_table(*_tag_sequences(predictions, examples))]
    return [*spans_by_type, *tables, _mistakes(predictions, examples)]


def tagging_label_scores(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> dict[str, LabelScore]:
    """Precision, recall, F1 and support of each label, mark or type of span, as the scheme has it."""
    if _scheme_of(predictions) in (None, MARKED):
        return label_scores(*_all_labels(predictions, examples))
    scores = entity_scores(*_tag_sequences(predictions, examples))
    return {kind: score for kind, score in scores.items() if kind != TOTAL}


def _tag_sequences(
    predictions: Sequence[Tagged], examples: Sequence[Sentence]
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    return [example.tags for example in examples], [prediction.tags for prediction in predictions]


def _all_labels(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> tuple[list[str], list[str]]:
    """The labels of all words, true and predicted; where they restore a text, its marks alone."""
    sides = ([tag for e in examples for tag in e.tags], [tag for p in predictions for tag in p.tags])
    truth, predicted = map(_mark_names, sides) if _scheme_of(predictions) == MARKED else sides
    return truth, predicted


def _mistakes(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> Table:
    wrong = Counter(
        (word, tag, answer)
        for p, e in zip(predictions, examples, strict=True)
        for word, tag, answer in zip(e.words, e.tags, p.tags, strict=True)
        if tag != answer
    )
    rows = [[word, tag, answer, times] for (word, tag, answer), times in wrong.most_common(5)]
    return Table("Most often wrong", ["word", "truth", "answer", "times"], rows)


def commonest_label_baseline(
    train: Sequence[Sentence], test: Sequence[Sentence], scheme: str | None = None
) -> list[Tagged]:
    """Each word gets the label that it had most often in training; a word not seen there the most common of all."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in train:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            seen[word][tag] += 1
    best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    ((commonest, _),) = sum(seen.values(), Counter()).most_common(1)
    return [Tagged(s.words, tuple(best.get(word, commonest) for word in s.words), (), scheme) for s in test]
