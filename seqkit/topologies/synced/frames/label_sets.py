"""A set of labels for each frame, from the files of a folder to its scores.

N frames, K labels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from seqkit.answers.labels import written
from seqkit.answers.steps import Framed, FramedSets, StreamedSet
from seqkit.data import Splits
from seqkit.data.frames import Clip, LabelSetClip, Layout, Scaling, each_label_set_clip, read_label_set_clips
from seqkit.data.readers import LABELS
from seqkit.graphs import Answers, Exported
from seqkit.scores.direction import Criterion
from seqkit.scores.label_sets import indicators, set_counts, set_label_scores, set_table
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.codec import batch_for
from seqkit.topologies.powers import Explanation, Signals
from seqkit.topologies.synced.frames.export import export_frames
from seqkit.topologies.synced.frames.label import frame_numbers, in_stretches
from seqkit.topologies.synced.frames.options import FrameOptions
from seqkit.topologies.synced.frames.pictures import frame_pictures
from seqkit.topologies.synced.frames.scores import FOREST_FRAMES, frame_samples
from seqkit.topologies.synced.frames.set_model import (
    LabelSetFrameCodec,
    LabelSetFrameHead,
    LabelSetStream,
    with_thresholds,
)
from seqkit.topologies.synced.frames.target import FrameTarget
from seqkit.topologies.thresholds import SET_SCORES, TunedThresholds, tune_thresholds

METRIC = SET_SCORES[0]


class LabelSetFrames(FrameTarget[LabelSetClip, FramedSets]):
    """Any number of labels: a sigmoid for each, F1 over all labels of all frames, and exact match."""

    name, example, predictions = LABELS, LabelSetClip, (FramedSets, StreamedSet)
    codec, head = LabelSetFrameCodec, LabelSetFrameHead

    def read(self, config: FrameOptions, path: Path, layout: Layout | None) -> list[LabelSetClip]:
        """A set of labels for each frame."""
        mark, group = config.label_separator, config.group_column
        return read_label_set_clips(path, config.label_column, layout, mark, config.form, group, config.chosen_columns)

    def each(self, config: FrameOptions, path: Path) -> Iterator[LabelSetClip]:
        """Labels joined by a mark, or columns of 0 and 1."""
        mark, group = config.label_separator, config.group_column
        return each_label_set_clip(path, config.label_column, mark, config.form, group, config.chosen_columns)

    def check(self, clips: Sequence[LabelSetClip]) -> None:
        """Nothing: reading has found a label."""

    def criterion(self, of_task: Criterion) -> Criterion:
        """F1 over all labels at once."""
        return Criterion(METRIC, True)

    def score_counts(self, predictions: Sequence[FramedSets], examples: Sequence[LabelSetClip]) -> ScoreCounts:
        """Correct, true and predicted labels of each sequence."""
        counts = set_counts(_all(examples), _all(predictions))
        ends = np.cumsum([len(example.labels) for example in examples])[:-1]
        rows = [part.sum(0) for part in np.split(counts.rows, ends)] if examples else []
        return ScoreCounts(np.array(rows).reshape(len(examples), counts.rows.shape[1]), counts.score)

    def predict_baseline(self, config: FrameOptions, splits: Splits[LabelSetClip]) -> list[FramedSets]:
        """Each frame by itself: a forest for all labels; its threshold is tuned as that of the model."""
        return forest_of_sets(splits, config.seed)

    def settled(self, predictions: Sequence[FramedSets], examples: Sequence[LabelSetClip]) -> list[FramedSets]:
        """With the best threshold, or rare labels would not count until their probabilities reach one half."""
        tuned = _tuned(predictions, examples)
        return [with_thresholds(prediction, tuned.values) for prediction in predictions]

    def tune(
        self,
        config: FrameOptions,
        head: LabelSetFrameHead,
        predictions: Sequence[FramedSets],
        examples: Sequence[LabelSetClip],
    ) -> dict[str, Any]:
        """Tunes the threshold of all labels."""
        tuned = _tuned(predictions, examples)
        head.thresholds.copy_(torch.from_numpy(tuned.values))
        scores = {"score": METRIC, "tuned": tuned.score, "at_half": tuned.score_at_half}
        return {"thresholds": {"values": dict(zip(head.labels, tuned.values.tolist(), strict=True)), **scores}}

    def samples(
        self, predictions: Sequence[FramedSets], examples: Sequence[LabelSetClip], background: Collection[str]
    ) -> list[Table]:
        """The sets of two sequences beside the truth."""
        return frame_samples(list(map(_joined, predictions)), [e.joined() for e in examples], {"", *background})

    def tables(self, predictions: Sequence[FramedSets], examples: Sequence[LabelSetClip]) -> list[Table]:
        """Scores of each label, and the sequences with the most wrong frames."""
        right = [
            sum(set(one) == set(other) for one, other in zip(p.labels, e.labels, strict=True)) / len(e.labels)
            for p, e in zip(predictions, examples, strict=True)
        ]
        worst = np.argsort(right, kind="stable")[:5].tolist()
        rows = [[examples[n].clip.name, len(examples[n].labels), right[n]] for n in worst]
        hardest = Table("Worst sequences", ["sequence", "frames", "exact match"], rows)
        return [set_table(self.label_scores(predictions, examples)), hardest]

    def label_scores(
        self, predictions: Sequence[FramedSets], examples: Sequence[LabelSetClip]
    ) -> Mapping[str, LabelScore]:
        """Precision, recall, F1 and support of each label, over all frames."""
        return set_label_scores(_all(examples), _all(predictions))

    def pictures(
        self, predictions: Sequence[FramedSets], examples: Sequence[LabelSetClip], background: Collection[str]
    ) -> dict[str, bytes]:
        """``strips.png`` and ``example.csv``, each set as one label."""
        return frame_pictures(list(map(_joined, predictions)), [e.joined() for e in examples], {"", *background})

    def confidences(self, prediction: FramedSets, example: LabelSetClip) -> list[tuple[float, bool]]:
        """The probability of each label that is predicted, and whether it is correct."""
        place = {label: number for number, label in enumerate(prediction.names)}
        rows = zip(prediction.labels, prediction.probabilities, example.labels, strict=True)
        return [(row[place[label]], label in truth) for labels, row, truth in rows for label in labels]

    def format_prediction(self, prediction: FramedSets | StreamedSet) -> tuple[str, dict[str, Any]]:
        """The sets, ``a|b``, with a space between, and all probabilities as JSON; of a stream, one frame's."""
        return prediction.formatted()

    def open_stream(self, head: LabelSetFrameHead, codec: LabelSetFrameCodec) -> LabelSetStream:
        """See :class:`LabelSetStream`."""
        return LabelSetStream(head, codec)

    def export(self, head: LabelSetFrameHead, codec: LabelSetFrameCodec) -> Exported:
        """``frames`` and ``lengths`` to ``logits`` and ``probabilities``; symbols have the thresholds."""
        answers = Answers(
            {"probabilities": ("batch", "time", len(head.labels))},
            lambda logits: {"probabilities": torch.sigmoid(logits)},
            lambda graph, logits: {"probabilities": graph.add("Sigmoid", logits)},
        )
        return export_frames(head, codec, answers, dict(zip(head.labels, head.thresholds.tolist(), strict=True)))

    def explain(self, head: LabelSetFrameHead, codec: LabelSetFrameCodec, raw: Clip | Path) -> Explanation:
        """The log-probabilities of what is said of each label of each frame, summed; and the frames."""
        item = codec.encode(raw)
        (logits,) = head(batch_for(head, codec, [item]))
        chosen = torch.sigmoid(logits) >= head.thresholds
        score = logsigmoid(torch.where(chosen, logits, -logits)).sum()
        labels = [written(each) for each in head.label_sets(torch.sigmoid(logits).tolist()).labels]
        said = Explanation(in_stretches(labels), score, {"encoder.recurrent": frame_numbers(head, len(logits))})
        return said._replace(signals=Signals(item.frames, labels, codec.layout.names or ()))


def forest_of_sets(splits: Splits[LabelSetClip], seed: int) -> list[FramedSets]:
    """Each frame by itself: a forest of 100 trees for all labels, on the same scaled features."""
    from sklearn.ensemble import ExtraTreesRegressor

    scaling = Scaling.fit([example.clip for example in splits.train])
    labels = tuple(sorted({label for example in splits.train for _, label in example.each()}))
    frames = np.concatenate([scaling(example.clip.features) for example in splits.train])
    truth = indicators(_all(splits.train), labels).astype(np.float64)
    chosen = np.random.default_rng(seed).permutation(len(frames))[:FOREST_FRAMES]
    # Averages of 0 and 1 in leaves are probabilities.
    model = ExtraTreesRegressor(min_samples_leaf=3, random_state=seed).fit(frames[chosen], truth[chosen])

    def predict(examples: Sequence[LabelSetClip]) -> list[FramedSets]:
        rows = (model.predict(scaling(e.clip.features)).reshape(-1, len(labels)).tolist() for e in examples)
        return [FramedSets((), tuple(map(tuple, row)), labels) for row in rows]

    tuned = _tuned(predict(splits.valid), splits.valid)
    return [with_thresholds(prediction, tuned.values) for prediction in predict(splits.test)]


def _tuned(predictions: Sequence[FramedSets], examples: Sequence[LabelSetClip]) -> TunedThresholds:
    """The best threshold for all labels."""
    probabilities = np.array([row for p in predictions for row in p.probabilities])
    return tune_thresholds(probabilities, indicators(_all(examples), predictions[0].names), METRIC, each=False)


def _all(rows: Sequence[LabelSetClip] | Sequence[FramedSets]) -> list[tuple[str, ...]]:
    return [labels for row in rows for labels in row.labels]


def _joined(prediction: FramedSets) -> Framed:
    return Framed(tuple("|".join(labels) for labels in prediction.labels), ())
