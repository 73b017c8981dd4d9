"""Several lines in one plot, for pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqkit.drawing.curves import FIRST, FOURTH, INK, PALE, SECOND, THIRD, dress, new_plot, svg
from seqkit.drawing.figures import literal

_COLOURS, _STYLES, _MARKS = (FIRST, SECOND, THIRD, FOURTH, INK, PALE), ("-", "--", "-.", ":"), "os^DvPX"
"""Colour, style and mark of each line: those who do not see the colours tell lines apart by the others, and no two
of 84 lines look the same."""
_MOST_WIDENED = 4


def line_plot(
    lines: Mapping[str, Sequence[float]],
    xs: Sequence[float],
    across: str,
    up: str,
    *,
    log_across: bool = False,
    log_up: bool = False,
    limits: tuple[float, float] | None = None,
    level: tuple[float, str] | None = None,
) -> str:
    """An SVG with a line for each name, in the colours of the page.

    Args:
        lines: the values of each line at ``xs``; a line may end early.
        xs: where they are.
        across, up: what the axes show.
        log_across, log_up: whether an axis is logarithmic (across: powers of two, and every x has a tick).
        limits: of the axis that goes up; None: as wide as the lines need.
        level: a height that is marked by a thin line, and what it is.
    """
    figure, axes = new_plot(across, up)
    if any(x % 1 for x in xs):
        axes.set_xticks(xs, [f"{x:g}" for x in xs])
    if level is not None:
        axes.axhline(level[0], color=PALE, linewidth=1, label=literal(level[1]))
    for number, (name, values) in enumerate(lines.items()):
        colour, style, mark = (looks[number % len(looks)] for looks in (_COLOURS, _STYLES, _MARKS))
        # The first ones are wider, and are seen behind others that they share their values with.
        wider = max(0, min(len(lines), _MOST_WIDENED) - 1 - number)
        looks: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 1.5 + 0.45 * wider}
        looks |= {"marker": mark, "markersize": 4 + 0.9 * wider}
        axes.plot(xs[: len(values)], values, label=literal(name), markevery=max(1, len(xs) // 8), **looks)
    if log_across:
        axes.set_xscale("log", base=2)
        axes.set_xticks(xs, [f"{x:g}" for x in xs])
        axes.minorticks_off()
    if log_up:
        axes.set_yscale("log")
    if limits is not None:
        axes.set_ylim(*limits)
    dress(axes, across, up)
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return svg(figure, f"{up} over {across}: {', '.join(lines)}")
