"""Weights of labels in the loss: balanced, or those that people give; a run keeps them beside its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from seqkit.data import DataError
from seqkit.data.label_weights import read_label_weights
from seqkit.data.normal_forms import canonical
from seqkit.data.readers import shown
from seqkit.errors import UsageError

BALANCED = "balanced"
CLASS_WEIGHTS_FILE = "class_weights.json"
"""The file of a run that has them; a run without weights has none."""

ClassWeights = tuple[float, ...]
"""A weight for each label, in the order of the outputs of a head"""


def choose_class_weights(
    setting: str | None, labels: Sequence[str], counts: Mapping[str, float], encoding: str | None = None
) -> ClassWeights | None:
    """The weights of labels that the option ``class_weight`` asks for.

    Args:
        setting: None: no weights; ``balanced``: those of :func:`balanced_weights`; else see
            :func:`~seqkit.data.label_weights.read_label_weights`, where a label that is not named weighs 1.
        labels: all that a head knows, in the order of its outputs.
        counts: how often each is in the training split; of weighted examples, the sum of their weights.
        encoding: of a file of weights.

    Raises :class:`UsageError` for a label that the training split does not have, and if every weight is 0.
    """
    if setting is None:
        return None
    if setting == BALANCED:
        return balanced_weights([counts.get(label, 0.0) for label in labels])
    weights, source = read_label_weights(setting, encoding)
    for label in weights:
        if label not in labels:
            near = get_close_matches(label, labels, n=1)
            hint = f"did you mean {shown(near[0])}?" if near else "remove it"
            raise UsageError(f"{source}: label {shown(label)} is not in the training split; {hint}")
    if not any(weights.get(label, 1.0) for label in labels):
        raise UsageError(f"{source}: every weight is 0; give some labels a weight above 0")
    return tuple(weights.get(label, 1.0) for label in labels)


def choose_positive_weights(
    setting: str | None, labels: Sequence[str], counts: Mapping[str, float], total: float
) -> ClassWeights | None:
    """Of labels that come in sets: how much what has a label counts in its loss, against what has not.

    Balanced: ``(n - n_l) / n_l``, as much as all without the label, of n with n_l of them having it. Else as
    :func:`choose_class_weights`.
    """
    if setting != BALANCED:
        return choose_class_weights(setting, labels, counts)
    # A label that everything has would otherwise count nothing.
    return tuple(max(total - counts[label], 1.0) / counts[label] for label in labels)


def balanced_weights(counts: Sequence[float]) -> ClassWeights:
    """``n / (K n_k)`` for each of the K labels that occur, n_k times of n: scikit-learn's ``balanced``.

    A label that does not occur weighs 1.
    """
    total, occurring = sum(counts), sum(count > 0 for count in counts)
    return tuple(total / (occurring * count) if count else 1.0 for count in counts)


def class_weights_to_json(weights: ClassWeights | None, labels: Sequence[str]) -> dict[str, Any]:
    """File name to content, for ``Codec.to_json``; empty without weights."""
    return {} if weights is None else {CLASS_WEIGHTS_FILE: dict(zip(labels, weights, strict=True))}


def class_weights_from_json(files: Mapping[str, Any], labels: Sequence[str]) -> ClassWeights | None:
    """What :func:`class_weights_to_json` described; raises :class:`DataError` unless it has a number for each label."""
    if CLASS_WEIGHTS_FILE not in files:
        return None
    weights = files[CLASS_WEIGHTS_FILE]
    if isinstance(weights, dict) and set(weights) != set(labels):
        weights = {canonical(label): weight for label, weight in weights.items()}
    if not isinstance(weights, dict) or set(weights) != set(labels):
        raise DataError(f"{CLASS_WEIGHTS_FILE} must have a weight for each label; restore it from a backup")
    if not all(isinstance(weight, (int, float)) for weight in weights.values()):
        raise DataError(f"{CLASS_WEIGHTS_FILE} must hold numbers; restore it from a backup")
    return tuple(float(weights[label]) for label in labels)


def class_weight_tensor(weights: Sequence[float] | None) -> Tensor | None:
    """The weights as a head holds them, (K); None: every label weighs 1."""
    return None if weights is None else torch.tensor(weights, dtype=torch.float32)
