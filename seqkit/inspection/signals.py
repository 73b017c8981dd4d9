"""A sequence of frames as a picture: a strip of labels, and below it the signals and what each frame contributes.

T time, F features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise

from torch import Tensor

from seqkit.pages import muted, safe

_WIDTH, _STRIP, _ROW, _GAP, _NAME = 900.0, 26.0, 34.0, 6.0, 14.0
"""Of the picture, in pixels"""
_MOST = 8
"""Signals that are drawn: of more, those that change most"""
_COLOURS = ("first", "second", "third", "fourth")
_LETTER = 7.5
"""About the width of a letter of a label"""


def signal_strip(
    values: Tensor, labels: Sequence[str], influence: Sequence[float] = (), names: Sequence[str] = ()
) -> str:
    """The picture of frames ``values`` (T, F), the label of each, and their influence (T), if it is known.

    Features without ``names`` (F) have their numbers.
    """
    kept = _most_changing(values)
    parts, top = [_strip(labels, strip_colours(labels))], _STRIP + _GAP
    if influence:
        parts.append(_bars(influence, top))
        top += _ROW + _GAP
    for feature in kept:
        name = names[feature] if len(names) == values.shape[1] else f"feature {feature + 1}"
        parts.append(_line(values[:, feature].tolist(), name, top))
        top += _NAME + _ROW + _GAP
    picture = (
        f'<div class="wide" tabindex="0"><svg class="signals" viewBox="0 0 {_WIDTH:.0f} {top:.0f}" role="img" '
        f'aria-label="{len(labels)} frames with their labels and signals">{"".join(parts)}</svg></div>'
    )
    return picture + muted(_caption(values.shape[1], len(kept), bool(influence)))


def strip_colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, another one than its neighbours have, if there are enough."""
    runs = [label for label, _ in groupby(labels)]
    neighbours: dict[str, set[str]] = {label: set() for label in runs}
    for one, other in pairwise(runs):
        neighbours[one].add(other)
        neighbours[other].add(one)
    colours: dict[str, str] = {}
    for label in sorted(neighbours, key=lambda label: -len(neighbours[label])):
        taken = Counter(colours.values())
        near = {colours.get(other) for other in neighbours[label]}
        colours[label] = min(_COLOURS, key=lambda colour: (colour in near, taken[colour]))
    return colours


def _caption(features: int, shown: int, has_influence: bool) -> str:
    bars = "bars: what each frame contributes to the answer, orange for it, blue against it; " if has_influence else ""
    every = "the feature" if features == 1 else f"the {features} features"
    which = f"the {shown} of {features} features that change most" if shown < features else every
    return f"Top: the predicted label of each frame; {bars}below: {which}, each scaled to its own range."


def _most_changing(values: Tensor) -> list[int]:
    deviations = values.nan_to_num().std(0, correction=0)
    return sorted(deviations.topk(min(_MOST, values.shape[1])).indices.tolist())


def _strip(labels: Sequence[str], colours: dict[str, str]) -> str:
    wide, start, parts = _WIDTH / max(1, len(labels)), 0, []
    for label, steps in groupby(labels):
        stop = start + len(list(steps))
        x, width, name = start * wide, (stop - start) * wide, safe(label)
        parts.append(
            f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="{_STRIP}" class="{colours[label]}">'
            f"<title>{name}: frames {start + 1} to {stop}</title></rect>"
        )
        if width > _LETTER * len(label) + 8:
            parts.append(f'<text x="{x + width / 2:.1f}" y="17" text-anchor="middle" class="on">{name}</text>')
        start = stop
    return "".join(parts)


def _bars(influence: Sequence[float], top: float) -> str:
    most, wide = max(map(abs, influence)) or 1.0, _WIDTH / len(influence)
    middle = top + _ROW / 2
    return "".join(
        f'<rect x="{n * wide:.1f}" y="{middle - max(v, 0) / most * _ROW / 2:.1f}" width="{wide * 0.9:.2f}" '
        f'height="{abs(v) / most * _ROW / 2:.1f}" class="{"warm" if v >= 0 else "cold"}">'
        f"<title>frame {n + 1}: {v:+.4f}</title></rect>"
        for n, v in enumerate(influence)
    )


def _line(values: Sequence[float], name: str, top: float) -> str:
    known = [value for value in values if value == value]
    low, high = min(known, default=0.0), max(known, default=1.0)
    wide, reach = _WIDTH / max(1, len(values)), (high - low) or 1.0
    points = " ".join(
        f"{(n + 0.5) * wide:.1f},{top + _NAME + _ROW * (1 - (v - low) / reach):.1f}"
        for n, v in enumerate(values)
        if v == v  # a missing value is NaN
    )
    title = f"<title>{safe(name)}: {low:.3g} to {high:.3g}</title>"
    written = f'<text x="0" y="{top + 11:.0f}" class="name">{safe(name)}</text>'
    return f'{written}<polyline points="{points}">{title}</polyline>'
