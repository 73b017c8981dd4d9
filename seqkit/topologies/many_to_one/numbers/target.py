"""Numbers for a text, from columns of a file to their scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.answers.labels import SIDES, Estimate, numbers_text
from seqkit.data import DataError, Splits
from seqkit.data.readers import NUMBER, NumberExample, each_number_example, read_number_examples, shown
from seqkit.errors import UsageError
from seqkit.graphs import Answering, Answers, Exported, Graph, Value
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.many_to_one.explain import explained, outputs_apart
from seqkit.topologies.many_to_one.export import export_text_head
from seqkit.topologies.many_to_one.numbers.codec import NumberCodec
from seqkit.topologies.many_to_one.numbers.head import NumberHead
from seqkit.topologies.many_to_one.numbers.prior import NumberPrior
from seqkit.topologies.many_to_one.numbers.regression import NumberRegression
from seqkit.topologies.many_to_one.numbers.scores import (
    conformal_quantile,
    estimate_counts,
    estimate_tables,
    ridge_baseline,
    shrinkage,
)
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.target import Target
from seqkit.topologies.many_to_one.texts import tokenizer_of
from seqkit.topologies.powers import Explanation


class NumberTarget(Target[NumberExample, Estimate, NumberCodec, NumberHead]):
    """A number, or several: their means and intervals; errors, explained variance and coverage.

    The baseline is TF-IDF with ridge regression.
    """

    baseline_name = "ridge regression on TF-IDF"
    name, example, prediction, codec = NUMBER, NumberExample, Estimate, NumberCodec

    def read(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> list[NumberExample]:
        """A column for each number."""
        columns = (config.text_column, config.label_column)
        return read_number_examples(path, *columns, notes, config.weight_column, config.form)

    def each(self, config: ManyToOneOptions, path: Path, notes: list[str]) -> Iterator[NumberExample]:
        """A column for each number."""
        columns = (config.text_column, config.label_column)
        return each_number_example(path, *columns, notes, config.weight_column, config.form)

    def check(self, examples: Sequence[NumberExample], splits: int) -> None:
        """Raises :class:`DataError` for a number that is the same in every text."""
        first = examples[0]
        for place, (name, value) in enumerate(zip(first.names, first.numbers, strict=True)):
            if all(example.numbers[place] == value for example in examples):
                what = f"column {shown(name)} is {value:g} in every text; there is nothing to learn: check the column"
                raise DataError(what, first.location)

    def check_known(self, examples: Sequence[NumberExample], codec: NumberCodec) -> None:
        """Raises :class:`UsageError` for another number of numbers."""
        if len(examples[0].names) != len(codec.scale.names):
            raise UsageError(
                f"the model predicts {', '.join(codec.scale.names)}, and here are {', '.join(examples[0].names)}"
            )

    def check_given(self, examples: Sequence[NumberExample], train: Sequence[NumberExample]) -> None:
        """Nothing: any number may be in any split."""

    def stratum(self, examples: Sequence[NumberExample]) -> Callable[[NumberExample], str]:
        """All texts are drawn alike."""
        return lambda example: ""

    def learn_codec(self, config: ManyToOneOptions, train: Sequence[NumberExample]) -> NumberCodec:
        """Vocabulary and scale of the training split; raises :class:`UsageError` for options of labels."""
        for option in ("class_weight", "threshold"):
            if getattr(config, option) is not None:
                flag = option.replace("_", "-")
                raise UsageError(f"--{flag} is for labels, and here a number is predicted; leave it out")
        return NumberCodec.learn(config, train)

    def load_codec(self, files: Mapping[str, Any]) -> NumberCodec:
        """The codec of a run."""
        return NumberCodec.from_json(files)

    def build_head(self, config: ManyToOneOptions, codec: NumberCodec, encoder: Encoder) -> NumberHead:
        """Three outputs for each number."""
        numbers, grams = len(codec.scale.names), codec.ngrams
        prior = NumberPrior(grams.counts, codec.sums, numbers) if grams else None
        regression = NumberRegression.of(len(grams.counts), numbers) if grams and grams.regression else None
        return NumberHead(encoder, codec.scale, config.dropout, prior, codec.texts == 2, regression)

    def criterion(self, codec: NumberCodec, of_task: Criterion) -> Criterion:
        """The root of the mean squared error; of several numbers, which may have different units, R²."""
        return Criterion("rmse", False) if len(codec.scale.names) == 1 else Criterion("r2", True)

    def predict_baseline(self, config: ManyToOneOptions, splits: Splits[NumberExample]) -> list[Estimate]:
        """TF-IDF with ridge regression."""
        return ridge_baseline(splits, tokenizer_of(config), config.interval)

    def tune(
        self,
        config: ManyToOneOptions,
        head: NumberHead,
        predictions: Sequence[Estimate],
        examples: Sequence[NumberExample],
        criterion: Criterion,
        score: Callable[[Sequence[Estimate], Sequence[NumberExample]], dict[str, float]],
    ) -> dict[str, Any]:
        """Shrinks the numbers and stretches the intervals to what the validation split asks for."""
        sides = ("numbers", "low", "high")
        mean, low, high = (np.array([getattr(p, side) for p in predictions]) for side in sides)
        truth = np.array([e.numbers for e in examples])
        before, below, above = score(predictions, examples), mean - low, high - mean
        shrink = shrinkage(mean - head.scale.mean, truth - head.scale.mean)
        mean = head.scale.mean + shrink * (mean - head.scale.mean)
        # How much each interval must be stretched to reach the truth.
        needed = np.maximum((mean - truth) / below, (truth - mean) / above)
        stretch = [conformal_quantile(column, head.scale.interval) for column in needed.T]
        head.shrink.copy_(torch.tensor(shrink))
        head.stretch.copy_(torch.tensor(stretch))
        found = {
            name: dict(zip(head.scale.names, map(float, values), strict=True))
            for name, values in (("shrink", shrink), ("stretch", stretch))
        }
        facts = {"probability": head.scale.interval, **found, "coverage_before": before["coverage"]}
        return {"intervals": {**facts, "rmse_before": before["rmse"]}}

    def score(self, predictions: Sequence[Estimate], examples: Sequence[NumberExample]) -> dict[str, float]:
        """Mean absolute and root mean squared error, R², and coverage and width of the intervals."""
        counts = self.score_counts(predictions, examples)
        return counts.score(counts.rows.sum(0))

    def score_counts(self, predictions: Sequence[Estimate], examples: Sequence[NumberExample]) -> ScoreCounts:
        """Errors and their squares."""
        return estimate_counts(predictions, examples)

    def tables(self, predictions: Sequence[Estimate], examples: Sequence[NumberExample]) -> list[Table]:
        """Scores of each number, and the largest errors."""
        return estimate_tables(predictions, examples)

    def format_prediction(self, prediction: Estimate) -> tuple[str, dict[str, Any]]:
        """``number  low to high``, and the same as JSON; of several numbers by their names."""
        return prediction.formatted()

    def export(self, head: NumberHead, codec: NumberCodec) -> Exported:
        """``tokens`` and ``lengths`` to ``number``, ``low`` and ``high`` (B, numbers), in the units of the data."""
        count = len(codec.scale.names)
        answers = Answers(
            dict.fromkeys(SIDES, ("batch", count)),
            lambda outputs: {side: _in_units(head, values) for side, values in _sides(head, outputs)},
            lambda graph, outputs: _add_sides(head, graph, outputs),
        )
        settings = {"shrink": head.shrink.tolist(), "stretch": head.stretch.tolist()}
        answering = Answering("numbers", codec.to_json(), settings)
        return export_text_head(head, codec, 3 * count, codec.to_json(), answering, answers)

    def explain(self, head: NumberHead, codec: NumberCodec, raw: str) -> Explanation:
        """The (first) number on the scale of the head, and the tokens of the text."""
        (mean,) = head.bounds(outputs_apart(head, codec, raw)).mean
        answer = numbers_text(head.scale.undo(mean.detach().cpu().numpy()).tolist())
        return explained(codec, raw, answer, answer, mean[0])


def _sides(head: NumberHead, outputs: Tensor) -> list[tuple[str, Tensor]]:
    return list(zip(SIDES, head.bounds(outputs), strict=True))


def _in_units(head: NumberHead, scaled: Tensor) -> Tensor:
    """As the graph computes it, in float32."""
    deviation, mean = (torch.tensor(values) for values in (head.scale.deviation, head.scale.mean))
    return scaled * deviation + mean


def _add_sides(head: NumberHead, graph: Graph, outputs: Value) -> dict[str, Value]:
    """What :meth:`NumberHead.bounds` computes, and the scale."""
    count = len(head.scale.names)
    mean, below, above = (
        graph.add("Slice", outputs, graph.numbers(n * count), graph.numbers((n + 1) * count), graph.numbers(1))
        for n in range(3)
    )
    mean = graph.add("Mul", mean, head.shrink)
    low = graph.add("Sub", mean, graph.add("Mul", graph.add("Softplus", below), head.stretch))
    high = graph.add("Add", mean, graph.add("Mul", graph.add("Softplus", above), head.stretch))
    deviation, average = (torch.tensor(values) for values in (head.scale.deviation, head.scale.mean))
    return {
        side: graph.add("Add", graph.add("Mul", values, deviation), average)
        for side, values in zip(SIDES, (mean, low, high), strict=True)
    }
