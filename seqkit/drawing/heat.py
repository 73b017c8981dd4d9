"""Heat maps for pages, as SVG in the colours of the page, which needs no script."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_CELL, _LETTER = 22, 7.4
"""In units of the drawing: the side of a cell, the width of a letter of 12 units"""
_AXIS, _SCALE = 24, 34
"""Room for the name of an axis, and for the scale below the cells"""
_STEPS = 10
"""Shades of the scale"""


class HeatMap(NamedTuple):
    """Elements of SVG in a box of ``width`` and ``height`` units."""

    content: str
    width: float
    height: float


def heat_map(
    values: Sequence[Sequence[float]],
    columns: Sequence[str],
    rows: Sequence[str],
    name: str,
    *,
    across: str = "",
    down: str = "",
    signed: bool = False,
    full: float = 1.0,
    height: int = _CELL,
) -> str:
    """A cell for each value, its colour the stronger the larger: blue, and below 0 orange; with a scale below.

    Each cell says its row, column and value to who points at it.

    Args:
        values: numbers by row and column.
        columns, rows: their texts; columns stand upright.
        name: of the whole, for screen readers.
        across, down: what columns and rows are.
        signed: whether there are values below 0.
        full: the value with the full colour; if ``signed``, or if a value is larger, the largest without its sign.
        height: of a cell.
    """
    drawn = draw_heat(values, columns, rows, across=across, down=down, signed=signed, full=full, height=height)
    return (
        f'<div class="wide" tabindex="0"><svg role="img" aria-label="{html.escape(name)}" class="heat" '
        f'viewBox="0 0 {drawn.width:.0f} {drawn.height:.0f}" style="min-width: {0.85 * drawn.width:.0f}px; '
        f'max-width: {drawn.width:.0f}px" fill="currentColor">{drawn.content}</svg></div>'
    )


def draw_heat(
    values: Sequence[Sequence[float]],
    columns: Sequence[str],
    rows: Sequence[str],
    *,
    across: str = "",
    down: str = "",
    signed: bool = False,
    full: float = 1.0,
    height: int = _CELL,
) -> HeatMap:
    """What :func:`heat_map` shows, to be put into a box of your own."""
    largest = max((abs(value) for row in values for value in row), default=1.0) or 1.0
    limit = largest if signed else max(full, largest)
    left = 10 + max(map(_length, rows), default=0) + (_AXIS if down else 0)
    top = 14 + max(map(_length, columns), default=0) + (_AXIS if across else 0)
    wide, tall = _CELL * len(columns), height * len(rows)
    parts = [
        *_axis_names(across, down, left + wide / 2, top + tall / 2),
        *(_upright(text, left + _CELL * (n + 0.65), top - 6) for n, text in enumerate(columns)),
        *(_beside(text, left - 6, top + height * (n + 0.5) + 4) for n, text in enumerate(rows)),
        *_cells(values, columns, rows, limit, (left, top, height)),
        _scale(left, top + tall + 14, limit, signed),
    ]
    return HeatMap("".join(parts), max(left + wide, left + 170) + 4, top + tall + _SCALE)


def _length(text: str) -> float:
    """About how long a text is; Chinese and Japanese signs are twice as wide as letters."""
    return _LETTER * sum(1.8 if unicodedata.east_asian_width(sign) in "WF" else 1.0 for sign in text)


def _axis_names(across: str, down: str, x: float, y: float) -> Iterator[str]:
    style = 'text-anchor="middle" font-size="12" style="fill: var(--pale)"'
    if across:
        yield f'<text x="{x:.1f}" y="13" {style}>{html.escape(across)}</text>'
    if down:
        yield f'<text transform="translate(13 {y:.1f}) rotate(-90)" {style}>{html.escape(down)}</text>'


def _upright(text: str, x: float, y: float) -> str:
    return f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)" font-size="12">{html.escape(text)}</text>'


def _beside(text: str, x: float, y: float) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" font-size="12">{html.escape(text)}</text>'


def _cells(
    values: Sequence[Sequence[float]],
    columns: Sequence[str],
    rows: Sequence[str],
    limit: float,
    place: tuple[float, float, int],
) -> Iterator[str]:
    left, top, height = place
    for down, (row, of_row) in enumerate(zip(rows, values, strict=True)):
        for across, (column, value) in enumerate(zip(columns, of_row, strict=True)):
            yield (
                f'<rect x="{left + _CELL * across:.1f}" y="{top + height * down:.1f}" width="{_CELL - 1}" '
                f'height="{height - 1}" {_colour(value / limit)}>'
                f"<title>{html.escape(row)}, {html.escape(column)}: {value:.3g}</title></rect>"
            )


def _colour(share: float) -> str:
    name = "second" if share < 0 else "first"
    return f'style="fill: var(--{name}); fill-opacity: {min(1.0, abs(share)):.3f}"'


def _scale(x: float, y: float, limit: float, signed: bool) -> str:
    """The colours from the lowest value to the highest, with both."""
    low, high = (f"−{limit:.3g}", f"{limit:.3g}") if signed else ("0", f"{limit:.3g}")
    start = x + _LETTER * len(low) + 6
    shares = [2 * n / _STEPS - 1 if signed else n / _STEPS for n in range(_STEPS + 1)]
    shades = "".join(
        f'<rect x="{start + 9 * n:.1f}" y="{y}" width="9.2" height="10" {_colour(share)}/>'
        for n, share in enumerate(shares)
    )
    end = start + 9 * len(shares)
    frame = f'<rect x="{start:.1f}" y="{y}" width="{end - start:.1f}" height="10" fill="none" stroke="var(--edge)"/>'
    texts = (
        f'<text x="{x:.1f}" y="{y + 9}" font-size="11">{low}</text>'
        f'<text x="{end + 6:.1f}" y="{y + 9}" font-size="11">{high}</text>'
    )
    return shades + frame + texts
