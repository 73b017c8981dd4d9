"""Pictures of attention: which tokens of a source each token of the output attended to.

S source tokens, T target tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqkit.drawing.colours import alone
from seqkit.drawing.heat import HeatMap, draw_heat

READ, WRITTEN = "read", "written"
"""The axes of a map of attention"""
_GAP, _WIDEST = 26, 1000
"""In pixels: between maps, and of a row of them that has more than one"""


class Alignment(NamedTuple):
    """Tokens of a source (S) and a target (T), and the weight that each target token gave to each of the source."""

    source: Sequence[str]
    target: Sequence[str]
    weights: np.ndarray
    """(T, S)"""


def attention_picture(alignments: Sequence[Alignment]) -> bytes:
    """An SVG file, light and dark, with a map for each sentence, in rows: the rows of a map are target tokens."""
    maps = [draw_heat(a.weights.tolist(), a.source, a.target, across=READ, down=WRITTEN, full=0) for a in alignments]
    places, width, height = _in_rows(maps)
    parts = [
        f'<g transform="translate({x:.0f} {y:.0f})">{drawn.content}</g>\n'
        for drawn, (x, y) in zip(maps, places, strict=True)
    ]
    return alone("".join(parts), width, height, "attention: what was read for each token written").encode()


def _in_rows(maps: Sequence[HeatMap]) -> tuple[list[tuple[float, float]], float, float]:
    """Where each map goes, beside the one before it while there is room; then the width and height of all."""
    places, x, y, row, width = [], 0.0, 0.0, 0.0, 1.0
    for drawn in maps:
        if x and x + drawn.width > _WIDEST:
            x, y, row = 0.0, y + row + _GAP, 0.0
        places.append((x, y))
        width, row = max(width, x + drawn.width), max(row, drawn.height)
        x += drawn.width + _GAP
    return places, width, max(1.0, y + row)
