"""Scores of labels for frames, the tables that show them, and the baseline that they are held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import groupby

import numpy as np

from seqkit.answers.steps import Framed
from seqkit.data import Splits
from seqkit.data.frames import LabelledClip, Scaling
from seqkit.scores.labels import LabelScore, accuracy, confusion_table, label_scores, label_table
from seqkit.scores.resampling import ScoreCounts
from seqkit.scores.segments import edit_score, segment_matches
from seqkit.tables import Table
from seqkit.topologies.sampling import fixed_sample

_OVERLAPS = (10, 25, 50)
"""Percent of two segments that must overlap for them to match, as Lea et al. (2017) report."""
FOREST_FRAMES = 40_000
"""Frames that the baseline learns from, at most: a forest is slow."""
_SHOWN = 2
"""Sequences shown after each epoch."""


def frame_counts(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> ScoreCounts:
    """Of each sequence: 1, edit score, segments, those that match at each overlap, and frames.

    Frames of each label are counted as correct, true and predicted. Scores are accuracy and macro-F1 of frames, F1 of
    segments with an overlap of 10, 25 and 50 %, and the edit score averaged over sequences.
    """
    pairs = [(example.labels, prediction.labels) for prediction, example in zip(predictions, examples, strict=True)]
    labels = sorted({label for pair in pairs for side in pair for label in side})
    rows = [_count(truth, predicted, labels) for truth, predicted in pairs]
    return ScoreCounts(np.array(rows).reshape(len(rows), 3 + len(_OVERLAPS) + 3 * len(labels)), _scores_of)


def _count(truth: tuple[str, ...], predicted: tuple[str, ...], labels: Sequence[str]) -> list[float]:
    correct = Counter(one for one, other in zip(truth, predicted, strict=True) if one == other)
    matched, segments = segment_matches(truth, predicted, [overlap / 100 for overlap in _OVERLAPS])
    frames = [counts[label] for counts in (correct, Counter(truth), Counter(predicted)) for label in labels]
    return [1, edit_score([truth], [predicted]), segments, *matched, *frames]


def _scores_of(sums: np.ndarray) -> dict[str, float]:
    """The scores of a sum of rows."""
    (clips, edit, segments, *matched), frames = sums[: 3 + len(_OVERLAPS)], sums[3 + len(_OVERLAPS) :]
    correct, true, predicted = frames.reshape(3, -1)
    seen = true + predicted > 0
    overlaps = {f"segment_f1_{n}": 2 * both / max(1, segments) for n, both in zip(_OVERLAPS, matched, strict=True)}
    scores = {
        "accuracy": correct.sum() / max(1, true.sum()),
        "macro_f1": (2 * correct[seen] / (true + predicted)[seen]).sum() / max(1, seen.sum()),
        **overlaps,
        "edit": edit / max(1, clips),
    }
    return {name: float(value) for name, value in scores.items()}


def frame_samples(
    predictions: Sequence[Framed], examples: Sequence[LabelledClip], background: Collection[str] = ()
) -> list[Table]:
    """The labels of two sequences in their order beside the truth, background left out; always of the same two."""
    rows = []
    for number in fixed_sample(len(examples), _SHOWN):
        for name, labels in (("truth", examples[number].labels), ("model", predictions[number].labels)):
            rows.append([name, " ".join(label for label, _ in groupby(labels) if label not in background)[:70]])
    return [Table("", ["", ""], rows)]


def frame_tables(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> list[Table]:
    """Scores of each label, confusions, and the sequences with the most wrong frames."""
    truth, predicted = _all_labels(predictions, examples)
    scored = [(accuracy(e.labels, p.labels), e, p) for p, e in zip(predictions, examples, strict=True)]
    worst = sorted(scored, key=lambda row: row[0])[:5]
    rows = [[e.clip.name, len(e.labels), correct, edit_score([e.labels], [p.labels])] for correct, e, p in worst]
    hardest = Table("Worst sequences", ["sequence", "frames", "accuracy", "edit"], rows)
    return [label_table(truth, predicted), confusion_table(truth, predicted), hardest]


def frame_label_scores(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> dict[str, LabelScore]:
    """Precision, recall, F1 and support of each label, over all frames."""
    return label_scores(*_all_labels(predictions, examples))


def _all_labels(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> tuple[list[str], list[str]]:
    truth = [label for example in examples for label in example.labels]
    return truth, [label for prediction in predictions for label in prediction.labels]


def forest_baseline(splits: Splits[LabelledClip], seed: int) -> list[Framed]:
    """Each frame by itself: a forest of 100 trees, on the same scaled features."""
    from sklearn.ensemble import ExtraTreesClassifier

    scaling = Scaling.fit([example.clip for example in splits.train])
    frames = np.concatenate([scaling(example.clip.features) for example in splits.train])
    labels = np.array([label for example in splits.train for label in example.labels])
    chosen = np.random.default_rng(seed).permutation(len(frames))[:FOREST_FRAMES]
    model = ExtraTreesClassifier(min_samples_leaf=3, random_state=seed).fit(frames[chosen], labels[chosen])
    predicted = (model.predict(scaling(example.clip.features)) for example in splits.test)
    return [Framed(tuple(map(str, row)), ()) for row in predicted]
