"""Pictures of attention: which tokens of a source each token of the output attended to.

S source tokens, T target tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqkit.drawing.figures import literal, new_figure, png

_CELL = 0.34
"""Inches of a token's row or column"""


class Alignment(NamedTuple):
    """Tokens of a source (S) and a target (T), and the weight that each target token gave to each of the source."""

    source: Sequence[str]
    target: Sequence[str]
    weights: np.ndarray
    """(T, S)"""


def attention_picture(alignments: Sequence[Alignment]) -> bytes:
    """A PNG with a panel for each sentence, one below the other: rows are target tokens, dark cells large weights.

    Raises :class:`UsageError` where matplotlib is not installed.
    """
    heights = [_CELL * len(a.target) + 1.2 for a in alignments]
    width = max((_CELL * len(a.source) for a in alignments), default=1.0) + 2.0
    figure = new_figure("an attention picture", max(width, 4.0), sum(heights))
    axes = figure.subplots(len(alignments), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (source, target, weights) in zip(axes, alignments, strict=True):
        axis.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
        axis.xaxis.tick_top()
        axis.set_xticks(range(len(source)), [literal(token) for token in source], rotation=90)
        axis.set_yticks(range(len(target)), [literal(token) for token in target])
        axis.tick_params(length=0)
    return png(figure)
