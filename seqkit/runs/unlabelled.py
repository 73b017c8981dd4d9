"""Further texts without labels: a teacher labels them, and its student trains on them, too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqkit.config import TrainingConfig
from seqkit.data import DataError, Example, SourceLocation, Splits
from seqkit.data.teacher import read_probabilities
from seqkit.errors import UsageError
from seqkit.files import read_json_lines
from seqkit.runs.model import load
from seqkit.runs.rows import InputRow, read_rows
from seqkit.runs.schemas import TEXT_AND_LABEL
from seqkit.topologies import AnyTask
from seqkit.training.checkpoint import own_generators

UNLABELLED_FILE = "unlabelled.jsonl"
"""The file of a run that keeps the texts with the labels that the teacher gave them."""


def label_texts(task: AnyTask, config: TrainingConfig, splits: Splits[Any], notes: list[str]) -> list[Example]:
    """The texts of the option ``unlabelled`` as examples, with the teacher's labels; none without the option.

    Texts that are in a split are left out: those of validation and test must stay unseen. Sentences about them are
    added to ``notes``. Raises :class:`UsageError` without a teacher, and :class:`DataError` for a file of
    probabilities that lacks a text.
    """
    path, teacher = (getattr(config, name, None) for name in ("unlabelled", "teacher"))
    if not path:
        return []
    if not teacher:
        raise UsageError("unlabelled texts need a teacher to label them; name one with --teacher")
    known = {task.input_of(example) for split in (splits.train, splits.valid, splits.test) for example in split}
    rows = {row.text: row for row in _texts(Path(path), task, config)}
    new = [row for text, row in rows.items() if text not in known]
    labels = sorted({example.label for example in splits.train})
    given = _labels(Path(teacher), [row.text for row in new], labels, task, config)
    examples = [
        Example(row.text, label, row.location or SourceLocation(path, 1)) for row, label in zip(new, given, strict=True)
    ]
    if unknown := sorted({*given} - {*labels}):
        raise UsageError(f"{teacher} gives texts the label {unknown[0]!r}, which is not in the training split")
    left_out = f"; {len(rows) - len(new):,} are in a split already" if len(new) < len(rows) else ""
    notes.append(f"{len(new):,} texts of {path} have the labels that {teacher} gives them{left_out}")
    return examples


def to_lines(examples: Sequence[Example]) -> bytes:
    """The content of :data:`UNLABELLED_FILE`."""
    rows = ({"text": example.text, "label": example.label} for example in examples)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def from_lines(path: Path) -> list[Example]:
    """What :func:`to_lines` made, from a run; no examples where there is no such file."""
    if not path.exists():
        return []
    rows = read_json_lines(path, TEXT_AND_LABEL)
    return [Example(row["text"], row["label"], SourceLocation(str(path), n)) for n, row in enumerate(rows, 1)]


def _texts(path: Path, task: AnyTask, config: TrainingConfig) -> list[InputRow]:
    """The rows of a table, or the lines of any other file, without those that are empty."""

    def choose(columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        return task.input_columns(config, None, columns, header)

    rows = (row._replace(text=row.text.strip()) for row in read_rows(path, choose))
    return [row for row in rows if row.text]


def _labels(
    teacher: Path, texts: Sequence[str], labels: Sequence[str], task: AnyTask, config: TrainingConfig
) -> list[str]:
    if teacher.is_dir():
        with own_generators():
            model = load(teacher)
        if model.task.topology != task.topology:
            raise UsageError(f"{teacher} is a {model.task.name} model, which cannot teach {task.name}")
        return [prediction.label for prediction in model.answers(texts)]
    rows = read_probabilities(teacher, labels, lambda names, at: task.input_columns(config, None, names, at), str.strip)
    if missing := [text for text in texts if text not in rows]:
        raise DataError(f"{teacher} has no probabilities of the unlabelled text {missing[0]!r:.80}; add them")
    return [labels[max(range(len(labels)), key=rows[text].__getitem__)] for text in texts]
