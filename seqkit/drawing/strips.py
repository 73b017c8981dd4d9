"""Pictures of labels over time: the true and the predicted ones, one band above the other.

T steps, F features.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqkit.drawing.figures import literal, new_figure, png
from seqkit.scores.segments import Segment, segments

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#0072b2", "#d55e00", "#3c3c3c")
"""Colours that colour-blind people can tell apart, too (Okabe and Ito, 2008, their black a little lighter)..."""
_HATCHES = ("", "////", "....", "xxxx")
"""... and the hatches over them when there are more labels."""
_BACKGROUND, _MISSING = "#e6e6e6", "#f7d4d4"
_WIDTH, _BAND, _LETTER = 10.0, 0.28, 0.082
"""In inches: the width of a picture, the height of a band, the width of a letter."""
_LONGEST = 28
"""Letters of a label in the legend."""
_MANY = 200
"""In a band of this many segments, lines between them are left out."""


class Strip(NamedTuple):
    """A sequence: the true and the predicted label of each step (T), and its features (T, F) if they are shown."""

    name: str
    truth: Sequence[str]
    predicted: Sequence[str]
    frames: np.ndarray | None = None


class _Look(NamedTuple):
    color: str
    hatch: str

    @property
    def ink(self) -> str:
        """Black or white, whichever reads better on the colour."""
        red, green, blue = (int(self.color[start : start + 2], 16) for start in (1, 3, 5))
        return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else "white"


def strip_picture(strips: Sequence[Strip], background: Collection[str] = ()) -> bytes:
    """A PNG with a panel for each sequence: its features in grey, then bands of the true and the predicted labels.

    A band below marks the steps that are wrong. The legend names the colour of each label, and a segment that is wide
    enough has its label written on it. Labels of the background are pale; missing features (NaN) are pink. Raises
    :class:`UsageError` where matplotlib is not installed.
    """
    looks = _looks([label for strip in strips for label in (*strip.truth, *strip.predicted)], background)
    longest = max((len(_short(label)) for label in looks), default=1)
    rows = math.ceil(len(looks) * (0.6 + _LETTER * longest) / _WIDTH)
    legend = 0.3 + 0.23 * rows
    heights = [_BAND * (2.6 + 2.0 * (strip.frames is not None)) for strip in strips]
    figure = new_figure("a strip picture", _WIDTH, legend + sum(heights) + 0.72 * len(strips))
    axes = figure.subplots(len(strips), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, strip in zip(axes, strips, strict=True):
        _draw(axis, strip, looks)
    _legend(figure, looks, rows)
    return png(figure)


def _looks(labels: Iterable[str], background: Collection[str]) -> dict[str, _Look]:
    looks, number = {}, 0
    for label in sorted(set(labels), key=_natural_order):
        if label in background:
            looks[label] = _Look(_BACKGROUND, "")
            continue
        looks[label] = _Look(_COLORS[number % len(_COLORS)], _HATCHES[number // len(_COLORS) % len(_HATCHES)])
        number += 1
    return looks


def _draw(axis: Axes, strip: Strip, looks: Mapping[str, _Look]) -> None:
    steps = len(strip.truth)
    wrong = [str(one != other) for one, other in zip(strip.truth, strip.predicted, strict=True)]
    ticks = {2.0: "truth", 0.9: "model", 0.1: "wrong"}
    if strip.frames is not None:
        axis.imshow(strip.frames.T, cmap=_grey(), aspect="auto", extent=(0, steps, 2.6, 4.5), interpolation="none")
        ticks[3.55] = "input"
    for low, labels in ((1.5, strip.truth), (0.4, strip.predicted)):
        _band(axis, segments(labels), low, looks)
    spans = [(start, stop - start) for _, start, stop in segments(wrong, background={"False"})]
    axis.broken_barh(spans, (0.0, 0.2), facecolor="black", edgecolor="black", linewidth=0.8)
    axis.set(xlim=(0, max(1, steps)), ylim=(-0.1, 2.55 if strip.frames is None else 4.55))
    axis.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=8)
    axis.locator_params(axis="x", integer=True)
    axis.spines[:].set_visible(False)
    axis.set_title(literal(_short(strip.name, 90)), loc="left", fontsize=9)
    axis.set_title(f"{wrong.count('False'):,} of {steps:,} correct", loc="right", fontsize=9)


def _band(axis: Axes, band: Sequence[Segment], low: float, looks: Mapping[str, _Look]) -> None:
    steps = band[-1].stop if band else 1
    room = (_WIDTH - 1.0) / steps / _LETTER
    # With this many segments, white lines between them would be all that one sees.
    line = 0.5 if len(band) < _MANY else 0.0
    for label, look in looks.items():
        spans = [(start, stop - start) for name, start, stop in band if name == label]
        axis.broken_barh(spans, (low, 1.0), facecolor=look.color, hatch=look.hatch, edgecolor="white", linewidth=line)
    for label, start, stop in band:
        if len(label) + 1 <= (stop - start) * room:
            _write(axis, (start + stop) / 2, low + 0.47, label, looks[label])


def _write(axis: Axes, x: float, y: float, label: str, look: _Look) -> None:
    # On a hatched segment, text is readable only on a plain patch.
    patch: dict[str, Any] | None = {"facecolor": look.color, "edgecolor": "none", "pad": 1.2} if look.hatch else None
    axis.text(x, y, literal(label), color=look.ink, fontsize=8, ha="center", va="center", bbox=patch)


def _legend(figure: Figure, looks: Mapping[str, _Look], rows: int) -> None:
    from matplotlib.patches import Patch

    marks = [
        Patch(facecolor=look.color, hatch=look.hatch, edgecolor="white", linewidth=0.5, label=literal(_short(label)))
        for label, look in looks.items()
    ]
    if marks:
        columns = math.ceil(len(marks) / rows)
        figure.legend(
            handles=marks,
            loc="outside upper left",
            ncols=columns,
            frameon=False,
            fontsize=8,
            handlelength=2.2,
            columnspacing=1.2,
        )


def _grey() -> Any:
    from matplotlib import colormaps

    return colormaps["gray_r"].with_extremes(bad=_MISSING)


def _natural_order(label: str) -> list[str | int]:
    """A key to sort by that puts 9 before 10."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"(\d+)", label))]


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
