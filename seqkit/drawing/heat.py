"""Heat maps for pages, as SVG in the colours of the page, which needs no script."""

from __future__ import annotations

import html
from collections.abc import Sequence

_CELL, _LETTER = 22, 7.4
"""In units of the drawing: the side of a cell, the width of a letter of 12 units"""


def heat_map(
    values: Sequence[Sequence[float]],
    columns: Sequence[str],
    rows: Sequence[str],
    name: str,
    *,
    signed: bool = False,
    height: int = _CELL,
) -> str:
    """A cell for each value, its colour the stronger the larger: blue, and below 0 orange.

    The colour is full at 1, or at the largest value.

    Each cell says its row, column and value to who points at it.

    Args:
        values: numbers by row and column.
        columns, rows: their texts; columns stand upright.
        name: of the whole, for screen readers.
        signed: whether there are values below 0; then full is the largest without its sign.
        height: of a cell.
    """
    largest = max((abs(value) for row in values for value in row), default=1.0) or 1.0
    limit = largest if signed or largest > 1 else 1.0
    left = 10 + _LETTER * max(map(len, rows), default=0)
    top = 14 + _LETTER * max(map(len, columns), default=0)
    width, tall = left + _CELL * len(columns) + 4, top + height * len(rows) + 4
    parts = [
        f'<svg role="img" aria-label="{html.escape(name)}" class="heat" viewBox="0 0 {width:.0f} {tall:.0f}" '
        f'style="min-width: {0.62 * width:.0f}px; max-width: {width:.0f}px" font-size="12" fill="currentColor">'
    ]
    for number, text in enumerate(columns):
        x = left + _CELL * (number + 0.65)
        parts.append(f'<text transform="translate({x:.1f} {top - 6:.1f}) rotate(-90)">{html.escape(text)}</text>')
    for number, (text, of_row) in enumerate(zip(rows, values, strict=True)):
        y = top + height * number
        parts.append(
            f'<text x="{left - 6:.1f}" y="{y + height / 2 + 4:.1f}" text-anchor="end">{html.escape(text)}</text>'
        )
        for place, (column, value) in enumerate(zip(columns, of_row, strict=True)):
            colour = "second" if value < 0 else "first"
            parts.append(
                f'<rect x="{left + _CELL * place:.1f}" y="{y}" width="{_CELL - 1}" height="{height - 1}" '
                f'style="fill: var(--{colour}); fill-opacity: {min(1.0, abs(value) / limit):.3f}">'
                f"<title>{html.escape(text)}, {html.escape(column)}: {value:.3g}</title></rect>"
            )
    return f'<div class="wide">{"".join(parts)}</svg></div>'
