"""The drawings of the topologies as SVG: a box for each ``[x]`` and a line for each arrow."""

from __future__ import annotations

from seqkit.drawing.topologies import drawing

_WIDE, _HIGH = 13, 26
"""Of a column and a line of a drawing, in pixels."""
_LINE, _FILL = "#808790", {"x": "#2c7fb8", "h": "#5c6470", "y": "#c2561a"}
"""Each is seen on white and on black, and carries white letters."""
_HEADS = {"→": "m-5 -4l5 4l-5 4", "←": "m5 -4l-5 4l5 4"}


def topology_svg(topology: str, bidirectional: bool = False) -> str:
    """The drawing of a topology; empty for one without. ``bidirectional`` adds the states that read backward."""
    lines = drawing(topology)
    if not lines:
        return ""
    if bidirectional:
        lines = with_backward_states(lines)
    across, down = _WIDE * max(map(len, lines)), _HIGH * len(lines)
    parts = [
        _sign(sign, row, (column + 0.5) * _WIDE, (row + 0.5) * _HIGH)
        for row, line in enumerate(lines)
        for column, sign in enumerate(line)
    ]
    name = f"{topology}, bidirectional" if bidirectional else topology
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" width="{across}" height="{down}" '
        f'role="img" aria-label="{name}">{"".join(parts)}</svg>\n'
    )


def with_backward_states(lines: list[str]) -> list[str]:
    """The lines of a drawing with a second row of states below the first, one for each input, read from the end."""
    inputs = lines[-1].count("[")
    states = next(row for row, line in enumerate(lines) if "[h]" in line)
    return [*lines[: states + 1], "←".join(["[h]"] * inputs), *lines[states + 1 :]]


def _sign(sign: str, row: int, x: float, y: float) -> str:
    if sign == "→":
        return _arrow(f"M{x - 0.5 * _WIDE} {y}h{_WIDE - 1}{_HEADS[sign]}")
    if sign == "←":
        return _arrow(f"M{x + 0.5 * _WIDE} {y}h{1 - _WIDE}{_HEADS[sign]}")
    if sign == "↑":
        return _arrow(f"M{x} {y + 0.5 * _HIGH}v{1 - _HIGH}m-4 5l4 -5l4 5")
    return "" if sign in " []" else _box(x, y, sign, _FILL["h" if sign == "h" else "y" if row == 0 else "x"])


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{_LINE}" stroke-width="1.6"/>'


def _box(x: float, y: float, sign: str, fill: str) -> str:
    wide, high = 3 * _WIDE - 2, _HIGH - 2
    return (
        f'<rect x="{x - wide / 2}" y="{y - high / 2}" width="{wide}" height="{high}" rx="5" fill="{fill}"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-family="sans-serif" font-size="14" '
        f'fill="#ffffff">{sign}</text>'
    )
