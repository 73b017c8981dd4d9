"""Pictures of labels over time, and an example as a file that people can look into."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.util import find_spec

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
    """The beginning of a sequence."""
    truth, predicted = example.labels[:_LONGEST], prediction.labels[:_LONGEST]
    return Strip(example.clip.name, truth, predicted, example.clip.features[:_LONGEST])
