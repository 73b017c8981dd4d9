"""Pictures of labels over time, and an example as a file that people can look into."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.util import find_spec

import numpy as np

from seqkit.answers.steps import Framed
from seqkit.data.frames import LabelledClip, table_of
from seqkit.drawing.strips import Strip, strip_picture
from seqkit.topologies.sampling import fixed_sample

_DRAWN = 6
"""Sequences in the picture..."""
_LONGEST = 400
"""... and the most frames of each."""


def frame_pictures(
    predictions: Sequence[Framed], examples: Sequence[LabelledClip], background: Collection[str] = ()
) -> dict[str, bytes]:
    """A few test sequences: ``strips.png``, their labels over time, and ``example.csv``, the first as people keep it.

    The picture needs matplotlib, the table names of features.
    """
    chosen = fixed_sample(len(examples), _DRAWN)
    files: dict[str, bytes] = {}
    if find_spec("matplotlib"):
        files["strips.png"] = strip_picture([_strip(examples[n], predictions[n]) for n in chosen], background)
    first = examples[chosen[0]]
    if first.clip.layout.names:
        files["example.csv"] = table_of(first)
    return files


def _strip(example: LabelledClip, prediction: Framed) -> Strip:
    """The beginning of a sequence; features with names, which have units of their own, each in its own range."""
    truth, predicted = example.labels[:_LONGEST], prediction.labels[:_LONGEST]
    features = example.clip.features[:_LONGEST]
    return Strip(example.clip.name, truth, predicted, in_range(features) if example.clip.layout.names else features)


def in_range(features: np.ndarray) -> np.ndarray:
    """Features (T, F), each from 0 to 1; one that does not change is 0, and NaN stays NaN."""
    missing = np.isnan(features)
    low = np.where(missing, np.inf, features).min(0, initial=np.inf)
    high = np.where(missing, -np.inf, features).max(0, initial=-np.inf)
    changes = high > low
    scaled: np.ndarray = (features - np.where(changes, low, 0.0)) / np.where(changes, high - low, np.inf)
    return scaled
