"""Mistakes as a picture, where the vectors are pictures themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from seqkit.answers.labels import Classified
from seqkit.data import Example
from seqkit.drawing.contact_sheet import Thumbnail, contact_sheet
from seqkit.topologies.one_to_one.reading import feature_matrix
from seqkit.topologies.one_to_one.scores import confident_mistakes

_SHOWN = 20
"""Mistakes on the sheet, at most."""


def draw_mistakes(
    names: Sequence[str], predictions: Sequence[Classified], examples: Sequence[Example]
) -> dict[str, bytes]:
    """``mistakes.png``, if the names of the numbers (``pixel_0_1``) say that they are pixels of a square."""
    side = math.isqrt(len(names))
    pixels = side * side == len(names) and all(name.lower().startswith("pixel") for name in names)
    mistakes = confident_mistakes(predictions, examples)
    if not (pixels and mistakes and find_spec("PIL")):
        return {}
    values = feature_matrix([example for _, example in mistakes])
    brightest = max(1e-9, values.max())
    pictures = (values * (255 / brightest)).clip(0, 255).astype(np.uint8).reshape(-1, side, side, 1)
    thumbnails = [
        Thumbnail(picture, f"{p.label} ({p.confidence:.2f})", [f"truth: {e.label}"])
        for picture, (p, e) in zip(pictures[:_SHOWN], mistakes, strict=False)
    ]
    return {"mistakes.png": contact_sheet(thumbnails, title=f"{len(mistakes)} of {len(examples)} are wrong")}
