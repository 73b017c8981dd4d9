"""What an export computes held against the model it comes from: outputs on a few batches, scores on the test split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqkit.errors import SeqkitError
from seqkit.graphs import Exported, Part
from seqkit.runs.model import Model
from seqkit.runs.prepared import read_splits
from seqkit.topologies import predict_items

TOLERANCE = 1e-5
"""The largest difference from the model that is accepted; that of values beyond 1 is relative to them.

Rounding alone makes 5e-8 to 2.4e-7 for new heads of our tasks; a gate in the wrong place, or padding that counts, makes
far more than 1e-5.
"""
BATCHES = (([1], 1), ([7], 7), ([3, 1, 9, 4], 9), ([5, 5], 5), ([0, 2, 33], 33), ([2, 1], 4))
"""Batches that every part is tried on, as lengths and steps with padding: a single step and sequence, equal and unequal
lengths, an empty sequence, and padding that no sequence reaches."""

Run = Callable[..., dict[str, Tensor]]
"""Computes what a file says: from tensors by name to tensors by name."""


@torch.no_grad()
def largest_difference(part: Part, run: Run) -> float:
    """How far a function is from a part, over all batches."""
    generator, largest = torch.Generator().manual_seed(0), 0.0
    for lengths, steps in BATCHES:
        inputs = part.sample(generator, torch.tensor(lengths), steps)
        outputs, expected = run(**inputs), part.compute(**inputs)
        for name in part.outputs:
            largest = max(largest, _difference(outputs[name], expected[name]))
    return largest


def _difference(output: Tensor, expected: Tensor) -> float:
    """Infinite where shapes differ or a value is no number, so that it is refused."""
    if output.shape != expected.shape:
        return math.inf
    if not expected.numel():
        return 0.0
    apart = (output.double() - expected.double()).abs() / expected.double().abs().clamp(min=1)
    return math.inf if apart.isnan().any() else float(apart.max())


def check_difference(name: str, difference: float) -> None:
    """Raises :class:`SeqkitError` for a part that computes something else than the model."""
    if difference > TOLERANCE:
        raise SeqkitError(
            f"the exported {name} differs from the model by {difference:.1e}, more than {TOLERANCE:.0e}, so nothing "
            "was written; please report it"
        )


def scores_through(
    model: Model, exported: Exported, ways: Mapping[str, Mapping[str, Run]]
) -> dict[str, dict[str, float]]:
    """The scores of the run's own test split through several sets of files, by their names."""
    examples = read_splits(model.task, model.config, []).test
    return {
        name: model.task.score(predict_through(model, exported, runs, examples), examples)
        for name, runs in ways.items()
    }


def predict_through(model: Model, exported: Exported, runs: Mapping[str, Run], examples: Sequence[Any]) -> list[Any]:
    """The predictions for examples, in order, computed by exported parts."""
    items = model.codec.encode_many([model.task.input_of(example) for example in examples])
    predict = partial(exported.predict, runs)
    return predict_items(model.head, model.codec, items, model.config, predict=predict).predictions
