"""The targets that frames can have, and which of them an option, an example, a prediction or a codec is of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqkit.data.frames import has_label_sets
from seqkit.topologies.synced.frames.label import LabelFrames
from seqkit.topologies.synced.frames.label_sets import LabelSetFrames
from seqkit.topologies.synced.frames.options import FrameOptions
from seqkit.topologies.synced.frames.target import FrameTarget

AnyFrameTarget = FrameTarget[Any, Any]
_LABEL, _LABELS = LabelFrames(), LabelSetFrames()


def target_of(thing: Any) -> AnyFrameTarget:
    """That of an example, a prediction, or a codec."""
    of_sets = isinstance(thing, (_LABELS.example, *_LABELS.predictions, _LABELS.codec))
    return _LABELS if of_sets else _LABEL


def target_of_files(files: Mapping[str, Any]) -> AnyFrameTarget:
    """That of the files of a codec; those of labels have none that says so."""
    return _LABELS if "target.json" in files else _LABEL


def target_in(config: FrameOptions, path: Path, notes: list[str]) -> AnyFrameTarget:
    """The one that is requested, else what the files say; ``notes`` says so if it is not a label."""
    if config.target != "auto":
        return _LABELS if config.target == _LABELS.name else _LABEL
    if not has_label_sets(path, config.label_column):
        return _LABEL
    notes.append("labels are columns of 0 and 1, so a frame has a set of them (--target labels)")
    return _LABELS
