"""The verdict on a finished run: whether it beats its baseline, what is wrong with it, and what to try next."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqkit.config import ClassWeightOptions, TrainingConfig, options_of
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import Resampled, difference_interval, resample
from seqkit.topologies import AnyTask

RUN = "RUN"
"""Stands for the run's folder in a suggested command: the folder may be moved."""
_OVERFITTED = 1.5
"""A validation loss of this many times the training loss. Dropout and smoothing raise the training loss, so it says
little too often rather than too much."""
_FEWEST = 10
"""Of fewer examples a resample is mostly luck."""
_NAMED = 5
"""Labels that are named, at most."""


@dataclass(frozen=True)
class Verdict:
    """What ``results.json`` has under ``verdict``, and people read first.

    Args:
        outcome: ``better``, ``worse`` or ``even`` compared with the baseline: even if the interval holds 0.
        sentence: the comparison in words.
        baseline: what the model is compared with.
        difference: score of the model less that of the baseline.
        interval: the 95 % confidence interval of the difference, from paired resamples; None without resamples.
        remarks: what else should be known, a sentence each.
        suggestion: a command to try next, in which :data:`RUN` stands for the folder; None if nothing suggests itself.
    """

    outcome: str
    sentence: str
    baseline: str
    difference: float
    interval: tuple[float, float] | None
    remarks: tuple[str, ...] = ()
    suggestion: str | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            **dataclasses.asdict(self),
            "interval": None if self.interval is None else list(self.interval),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class Compared:
    """The metric of a model and of its baseline on one test split, with the scores of the same resamples of it."""

    metric: str
    higher_is_better: bool
    model: float
    baseline: float
    model_resampled: Resampled
    baseline_resampled: Resampled
    baseline_name: str


def resample_scores(task: AnyTask, predictions: Sequence[Any], examples: Sequence[Any]) -> Resampled:
    """The scores of predictions for a test split on resamples of it; the draws are the same for every model."""
    pairs = zip(predictions, examples, strict=True)
    units = [unit for prediction, example in pairs for unit in task.resampling_units(prediction, example)]
    if len(units) < _FEWEST:
        return Resampled({}, 0, len(units))
    predicted, truth = [p for p, _ in units], [e for _, e in units]
    return resample(task.score, predicted, truth, counts=task.score_counts(predicted, truth))


def verdict_facts(
    task: AnyTask,
    config: TrainingConfig,
    results: Mapping[str, Any],
    resampled: tuple[Resampled, Resampled],
    labels: Mapping[str, LabelScore],
    history: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What ``results.json`` is given under ``verdict``; empty where the baseline has no such score.

    Args:
        task, config: of the run.
        results: its scores and those of its baseline.
        resampled: the scores of the model on resamples of the test split, and those of the baseline.
        labels: the scores of the labels on the test split, if it has labels.
        history: the records of the evaluations; none for what was not trained.
    """
    metric = results["metric"]
    if metric not in results["baseline"]:
        return {}
    scores = results["test"][metric], results["baseline"][metric]
    better = results["better"] == "higher"
    compared = Compared(metric, better, *scores, *resampled, task.baseline_name(config))
    verdict = judge(compared, labels, history, results.get("best_epoch", 0), config, task.name)
    return {"verdict": verdict.to_json()}


def judge(
    compared: Compared,
    labels: Mapping[str, LabelScore],
    history: Sequence[Mapping[str, Any]],
    best_epoch: int,
    config: TrainingConfig,
    task: str,
) -> Verdict:
    """The verdict on a run.

    Args:
        compared: model and baseline.
        labels: the scores of the labels on the test split, if it has labels.
        history: the records of the evaluations.
        best_epoch: the epoch whose model is kept.
        config: how it was trained.
        task: the name of the task, for commands.
    """
    difference, interval, outcome = _compare(compared)
    missed = _missed(labels)
    improving = best_epoch == len(history) and len(history) > 1 and not _perfect(history[-1], compared)
    fitted = _overfitted(history[best_epoch - 1]) if history and not improving else ""
    remarks = [missed, _improving(len(history)) if improving else "", fitted]
    sentence = _sentence(compared, difference, interval, outcome)
    suggestion = _suggestion(config, task, outcome, bool(missed), improving) if history else None
    name = compared.baseline_name
    return Verdict(outcome, sentence, name, difference, interval, tuple(filter(None, remarks)), suggestion)


def _compare(compared: Compared) -> tuple[float, tuple[float, float] | None, str]:
    """The difference, its interval and the outcome."""
    difference = compared.model - compared.baseline
    model, baseline = compared.model_resampled, compared.baseline_resampled
    # Draws are paired only if both have as many examples or pieces.
    paired = model.examples == baseline.examples
    first, second = (resampled.scores.get(compared.metric, []) for resampled in (model, baseline))
    interval = difference_interval(first, second, difference) if paired else None
    if difference == 0 or (interval is not None and interval[0] <= 0 <= interval[1]):
        return difference, interval, "even"
    return difference, interval, "better" if (difference > 0) == compared.higher_is_better else "worse"


def _sentence(compared: Compared, difference: float, interval: tuple[float, float] | None, outcome: str) -> str:
    metric, examples = compared.metric.replace("_", "-"), compared.model_resampled.examples
    scores = f"{metric} {_plain(compared.model)} against {_plain(compared.baseline)}"
    reach = "" if interval is None else f" (95 % interval {_signed(interval[0])} to {_signed(interval[1])})"
    if difference == 0:
        return f"As good as {compared.baseline_name}: {scores}."
    better = (difference > 0) == compared.higher_is_better
    start = f"{'Not clearly ' if outcome == 'even' else ''}{'better' if better else 'worse'} than".capitalize()
    doubt = f"; {examples:,} test examples are too few to tell" if outcome == "even" else ""
    return f"{start} {compared.baseline_name}: {scores}, {_signed(difference)}{reach}{doubt}."


def _plain(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _signed(value: float) -> str:
    text = ("+" if value > 0 else "") + _plain(value)
    return text if text.strip("+-0.") else "0"


def _missed(labels: Mapping[str, LabelScore]) -> str:
    """The labels that are never predicted where they are true."""
    missed = sorted(
        ((label, score.support) for label, score in labels.items() if score.support and not score.recall),
        key=lambda entry: (-entry[1], entry[0]),
    )
    if not missed:
        return ""
    names = ", ".join(f"{label} (of {support:,})" for label, support in missed[:_NAMED])
    more = f" and {len(missed) - _NAMED} more" if len(missed) > _NAMED else ""
    return f"Never predicted correctly: {names}{more}."


def _perfect(record: Mapping[str, Any], compared: Compared) -> bool:
    """Whether an evaluation has the best score that there is: then only the loss can get better."""
    return bool(record.get(compared.metric) == (1 if compared.higher_is_better else 0))


def _improving(epochs: int) -> str:
    return f"It was still improving: the last of {epochs} epochs was the best."


def _overfitted(record: Mapping[str, Any]) -> str:
    train, valid = record.get("train_loss"), record.get("loss")
    if not train or valid is None or valid < _OVERFITTED * train:
        return ""
    return (
        f"It is overfitting: its loss is {train:.3g} in training and {valid:.3g} on validation; "
        "more data would help most."
    )


def _suggestion(config: TrainingConfig, task: str, outcome: str, missed: bool, improving: bool) -> str | None:
    again = f"seqkit run {task} --config {RUN}/config.toml"
    if improving:
        return f"seqkit resume {RUN} --epochs {2 * config.epochs}"
    if missed and isinstance(config, ClassWeightOptions) and config.class_weight is None:
        return f"{again} --class-weight balanced"
    return f"seqkit tune {task}{_data_option(config)} --minutes 20" if outcome == "worse" else None


def _data_option(config: TrainingConfig) -> str:
    """The words that name the data, unless they are the task's own."""
    data = getattr(config, "data", None)
    return f" --data {shlex.quote(data)}" if data and data != options_of(type(config))["data"].default else ""
