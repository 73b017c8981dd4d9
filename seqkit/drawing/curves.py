"""The plots of pages, as SVG that takes its colours from the page around it, light or dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from seqkit.drawing.figures import literal, new_figure
from seqkit.scores.calibration import Bin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST, SECOND, INK, PALE = "#fe0101", "#fe0202", "#fe0303", "#fe0404"
THIRD, FOURTH = "#fe0505", "#fe0606"
"""Colours that stand for others: the page says which, light or dark."""


class Palette(NamedTuple):
    """The colours of a plot."""

    first: str
    second: str
    ink: str
    pale: str


PAGE = Palette(FIRST, SECOND, INK, PALE)
"""For a plot inside a page, light or dark"""
PAPER = Palette("#0b66a8", "#c2540a", "#000000", "#6d7480")
"""For a file, on white"""

_VARIABLES = {FIRST: "var(--first)", SECOND: "var(--second)", INK: "currentColor", PALE: "var(--pale)"}
_VARIABLES |= {THIRD: "var(--third)", FOURTH: "var(--fourth)"}
_WIDTH, _HEIGHT = 4.6, 2.9
"""Inches; at this width letters keep their size on a telephone."""


def loss_curves(history: Sequence[Mapping[str, Any]], best: int) -> str:
    """The loss in training and in validation after each epoch; the best epoch is marked."""
    figure, axes = new_plot("epoch", "loss")
    epochs = [record["epoch"] for record in history]
    _line(axes, epochs, [record["train_loss"] for record in history], FIRST, "o", "-", "training")
    _line(axes, epochs, [record["loss"] for record in history], SECOND, "s", "--", "validation")
    _mark_best(axes, best)
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure, "Loss after each epoch, training and validation")


def metric_curve(history: Sequence[Mapping[str, Any]], metric: str, best: int) -> str:
    """The metric on the validation split after each epoch."""
    figure, axes = new_plot("epoch", f"{metric.replace('_', ' ')}, validation")
    epochs = [record["epoch"] for record in history]
    _line(axes, epochs, [record[metric] for record in history], SECOND, "s", "--")
    _mark_best(axes, best)
    return svg(figure, f"{metric} on the validation split after each epoch")


def calibration_curve(bins: Sequence[Bin]) -> str:
    """The fraction of answers that is correct over the model's confidence; below it, the number of answers."""
    from matplotlib.ticker import LogLocator

    figure = new_figure("a plot", _WIDTH, 3.6)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    dress(top, "", "fraction correct")
    dress(below, "confidence", "answers")
    top.plot([0, 1], [0, 1], color=PALE, linestyle=":", label="justified")
    _line(top, [entry.confidence for entry in bins], [entry.accuracy for entry in bins], FIRST, "o", "-", "the model")
    top.set(xlim=(0, 1), ylim=(-0.03, 1.03))
    counts = [entry.answers for entry in bins]
    width = min((entry.high - entry.low for entry in bins), default=0.1)
    below.bar([(entry.low + entry.high) / 2 for entry in bins], counts, 0.9 * width, color=FIRST)
    if max(counts, default=0) > 1000:
        below.set(yscale="log", ylim=(0.7, None))
        below.yaxis.set_major_locator(LogLocator(numticks=4))
        below.minorticks_off()
    top.legend(frameon=False, labelcolor=INK, loc="upper left")
    return svg(figure, "Calibration: the fraction of answers that is correct over the confidence")


def svg(figure: Figure, name: str) -> str:
    """The figure as an element of a page, with a name for screen readers."""
    import matplotlib

    content = io.StringIO()
    # Letters stay text. The salt keeps the ids of several plots on one page apart, and a plot drawn twice the same.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    text = content.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    # Without a size of its own it is as wide as its place on the page.
    opening, rest = text.split(">", 1)
    text = re.sub(r' (width|height)="[^"]*"', "", opening) + ">" + rest
    for placeholder, colour in _VARIABLES.items():
        text = text.replace(placeholder, colour)
    return text.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def new_plot(across: str, up: str) -> tuple[Figure, Axes]:
    """A figure for a page, with room for one plot; names of its axes, whole numbers across."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure("a plot", _WIDTH, _HEIGHT)
    axes = figure.add_subplot()
    dress(axes, across, up)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    return figure, axes


def dress(axes: Axes, across: str, up: str) -> None:
    """Gives axes their names, and the colours of the page."""
    axes.set_xlabel(literal(across), color=INK)
    axes.set_ylabel(literal(up), color=INK)
    axes.tick_params(which="both", colors=INK)
    axes.grid(axis="y", color=PALE, alpha=0.35, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)


def _line(
    axes: Axes, xs: Sequence[float], ys: Sequence[Any], colour: str, marker: str, style: str, label: str = ""
) -> None:
    # Marks tell lines apart for those who do not see their colours; of many epochs only some have one.
    values = [y if isinstance(y, (int, float)) and math.isfinite(y) else math.nan for y in ys]
    interval = max(1, len(xs) // 12)
    axes.plot(xs, values, color=colour, marker=marker, markersize=4, markevery=interval, linestyle=style, label=label)


def _mark_best(axes: Axes, best: int) -> None:
    """A dotted line, with a word above it."""
    axes.axvline(best, color=PALE, linewidth=1, linestyle=":")
    axes.annotate(
        "best",
        (best, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        horizontalalignment="center",
        color=INK,
    )
