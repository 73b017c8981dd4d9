"""Pictures of attention: which words of a source each word of its translation was written from.

S source tokens, T target tokens.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqkit.errors import missing

_CELL = 0.34
"""Inches of a token's row or column."""


class Alignment(NamedTuple):
    """Tokens (S) and (T), and how much each of the second looked at each of the first: weights (T, S)."""

    source: Sequence[str]
    target: Sequence[str]
    weights: np.ndarray


def attention_picture(alignments: Sequence[Alignment]) -> bytes:
    """A PNG with a panel for each sentence, one below the other: rows are target tokens, dark cells large weights.

    Raises :class:`UsageError` where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing("an attention picture", "matplotlib", "data") from None
    heights = [_CELL * len(a.target) + 1.2 for a in alignments]
    width = max((_CELL * len(a.source) for a in alignments), default=1.0) + 2.0
    figure = Figure(figsize=(max(width, 4.0), sum(heights)), layout="constrained")
    axes = figure.subplots(len(alignments), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (source, target, weights) in zip(axes, alignments, strict=True):
        axis.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
        axis.xaxis.tick_top()
        # A dollar would begin a formula.
        axis.set_xticks(range(len(source)), [token.replace("$", r"\$") for token in source], rotation=90)
        axis.set_yticks(range(len(target)), [token.replace("$", r"\$") for token in target])
        axis.tick_params(length=0)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; that is no reason to disturb anybody.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(content, format="png", dpi=110)
    return content.getvalue()
