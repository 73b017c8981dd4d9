"""What a teacher says of the training examples: any run with the same labels, or a file of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqkit.config import TrainingConfig
from seqkit.data import DataError, SourceLocation
from seqkit.data.readers import shown
from seqkit.data.teacher import read_probabilities
from seqkit.errors import UsageError
from seqkit.runs.directory import RunDirectory
from seqkit.runs.model import Model, load
from seqkit.topologies import AnyCodec, AnyTask, EnsembleCodec
from seqkit.topologies.distillation import SoftTargets
from seqkit.topologies.one_to_one import OneToOne
from seqkit.topologies.one_to_one.reading import number_text
from seqkit.topologies.synced.task import Synced
from seqkit.training.checkpoint import own_generators


def ask_teacher(
    path: Path,
    task: AnyTask,
    config: TrainingConfig,
    codec: AnyCodec,
    train: Sequence[Any],
    further: Sequence[Any],
    notes: list[str],
) -> SoftTargets:
    """The probabilities that a run, or a file, gives the labels of each training example, and of further ones.

    Sentences about them are added to ``notes``. Raises :class:`UsageError` for a teacher that reads something else or
    knows other labels, and :class:`DataError` for a file that lacks a training example.
    """
    if not path.exists():
        raise UsageError(f"no run and no file {path}; check the path of --teacher")
    _check_single_label(task, codec, train[0])
    examples = [*train, *further]
    if path.is_dir():
        rows = _ask_run(path, task, codec, examples)
    else:
        rows = _ask_file(path, task, config, codec, examples, notes)
    # Further examples have their labels from the teacher.
    agreement = _agreement(rows[: len(train)], codec, task, train)
    notes.append(f"learning from {path}, which agrees with {agreement:.1%} of the labels")
    return SoftTargets(rows)


def note_on_splits(path: Path, data: str) -> list[str]:
    """A sentence if a run that teaches was not trained on these splits, given by their fingerprint."""
    if not path.is_dir():
        return []
    facts = RunDirectory(path).read_facts()
    if all(each.get("data") == data for each in facts.get("members") or [facts]):
        return []
    return [
        f"{path} was trained on other splits, perhaps on some of the examples that this run is scored on; give both "
        "the same with --split-seed"
    ]


def _check_single_label(task: AnyTask, codec: AnyCodec, example: Any) -> None:
    """Raises :class:`UsageError` for a task without labels, and for one with several of an input, or numbers."""
    target = torch.as_tensor(_target(codec.encode(task.input_of(example), example)))
    steps = 1 if isinstance(task, Synced) else 0
    if getattr(codec, "labels", None) is None or target.is_floating_point() or target.dim() != steps:
        raise UsageError("a teacher is for one label of each input, or step; leave out --teacher")


def _ask_run(path: Path, task: AnyTask, codec: AnyCodec, train: Sequence[Any]) -> list[Tensor]:
    with own_generators():
        model = load(path)
    labels, known = _labels(codec), _check_teacher(path, model, task, codec)
    inputs = [task.input_of(example) for example in train]
    if isinstance(model.task, Synced):
        order = [known.index(label) for label in labels]
        predictions = model.answers(inputs, all_probabilities=True)
        return [torch.tensor(prediction.probabilities).view(-1, len(order))[:, order] for prediction in predictions]
    return [torch.tensor([row[label] for label in labels]) for row in model.predict_proba(inputs)]


def _check_teacher(path: Path, model: Model, task: AnyTask, codec: AnyCodec) -> Sequence[str]:
    """The labels of a teacher, which are those of the student."""
    teacher = model.codec.members[0] if isinstance(model.codec, EnsembleCodec) else model.codec
    if type(teacher) is not type(codec):
        raise UsageError(
            f"{path} is a {model.task.name} model, which cannot teach {task.name}; name a run of {task.name}"
        )
    known = _labels(teacher)
    if differing := sorted({*known} ^ {*_labels(codec)}):
        whose = "is not in the training split" if differing[0] in known else f"is unknown to {path}"
        raise UsageError(f"label {shown(differing[0])} {whose}; teacher and student need the same labels")
    for columns in ("names", "layout"):
        if getattr(codec, columns, None) != getattr(teacher, columns, None):
            raise UsageError(f"{path} reads other columns than this model; train both on the same columns")
    return known


def _ask_file(
    path: Path, task: AnyTask, config: TrainingConfig, codec: AnyCodec, train: Sequence[Any], notes: list[str]
) -> list[Tensor]:
    if isinstance(task, Synced):
        raise UsageError(f"{path} is a file, which has no probabilities of each step; name a run as --teacher")

    def choose(columns: Sequence[str], header: SourceLocation) -> Sequence[str]:
        return task.input_columns(config, codec, columns, header)

    key = number_text if isinstance(task, OneToOne) else str.strip
    rows = read_probabilities(path, _labels(codec), choose, key)
    inputs = [key(task.input_of(example)) for example in train]
    if missing := [number for number, text in enumerate(inputs) if text not in rows]:
        example = train[missing[0]]
        raise DataError(
            f"{path} has no probabilities of {len(missing):,} of {len(train):,} training examples, the first of them "
            f"{shown(task.input_of(example))}; add them",
            example.location,
        )
    if unused := len(rows.keys() - {*inputs}):
        notes.append(f"{unused:,} inputs in {path} are not in the training split, and nothing is learned from them")
    return [torch.tensor(rows[text]) for text in inputs]


def _labels(codec: AnyCodec) -> Sequence[str]:
    labels: Sequence[str] = codec.labels  # type: ignore[attr-defined]  # checked before
    return labels


def _agreement(rows: Sequence[Tensor], codec: AnyCodec, task: AnyTask, train: Sequence[Any]) -> float:
    """The fraction of the training labels that are the teacher's most likely."""
    batch = codec.encode_many([task.input_of(example) for example in train], train)
    likeliest = torch.cat([row.argmax(-1).reshape(-1) for row in rows])
    true = torch.cat([torch.as_tensor(_target(item)).reshape(-1) for item in batch])
    return float((likeliest == true).double().mean())


def _target(item: Any) -> Any:
    return item.targets if hasattr(item, "targets") else item.target
