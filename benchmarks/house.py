"""The house in one picture: its rooms, how large they are, and which stands on which, read from the imports.

python -m benchmarks.house docs/pictures/house.svg
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import click

from benchmarks.imports import Storey, arrows, modules, room_of, storeys
from seqkit.files import write_atomic

_DOORS = {"__init__", "__main__"}
"""They open onto every room; their arrows would hide the others."""
_ACROSS = 3
"""Boxes side by side: a telephone still shows their names at a readable size."""
_WIDE, _LINE, _BETWEEN, _DOWN = 124, 15, 22, 36
"""Width of a box, height of a line of text, space beside and below a box, in pixels."""
_STYLE = (
    "svg.house{color:#24292f;font-family:system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){svg.house{color:#d0d7de}}"
)
"""For the picture on its own; a page that holds it has a colour and a font."""

Point = tuple[float, float]


class Spot(NamedTuple):
    """Where the box of a storey goes: how many levels up, and how far its middle is from the picture's."""

    level: int
    x: float


class Size(NamedTuple):
    """How large a room is."""

    files: int
    lines: int


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def main(file: Path) -> None:
    """Draws the house as it is today into FILE (SVG)."""
    drawn = picture()
    write_atomic(file, drawn.encode())
    print(f"{file}  {len(drawn) / 1024:.1f} kB")


def picture() -> str:
    """The house as SVG: a box for each storey, arrows from each to those that it stands on."""
    house = [storey for storey in reversed(storeys()) if not _DOORS & {*storey.rooms}]
    below = supports(house)
    spots = spots_of(below)
    sizes = room_sizes()
    labels = [_labels(storey, sizes) for storey in house]
    rows, high = _rows(spots, labels)
    drawn = [_arrow(points) for points in _ways(spots, below, rows)]
    drawn += [_box(*one, rows[one[2].level]) for one in zip(house, labels, spots, strict=True)]
    wide = _ACROSS * (_WIDE + _BETWEEN) + _BETWEEN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="house" viewBox="{-wide / 2:g} 0 {wide} {high:g}" '
        f'width="{1.25 * wide:g}" style="max-width:100%;height:auto" role="img" '
        f'aria-label="The rooms of seqkit and which stands on which"><style>{_STYLE}</style>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def room_sizes() -> dict[str, Size]:
    """Files and lines of every room."""
    paths = defaultdict(list)
    for module, path in modules().items():
        paths[room_of(module)].append(path)
    return {
        room: Size(len(files), sum(file.read_text("utf-8").count("\n") for file in files))
        for room, files in paths.items()
    }


def supports(house: list[Storey]) -> list[set[int]]:
    """For each storey, from the ground up, those it stands on and reaches through no other one.

    Arrows that point up are not drawn; the tests refuse them.
    """
    number = {room: place for place, storey in enumerate(house) for room in storey.rooms}
    below: list[set[int]] = [set() for _ in house]
    for arrow in arrows(modules()):
        source, target = number.get(room_of(arrow.source), -1), number.get(room_of(arrow.target), -1)
        if -1 < target < source:
            below[source].add(target)
    reached: list[set[int]] = []
    for direct in below:
        reached.append(direct.union(*(reached[place] for place in direct)))
    return [direct.difference(*(reached[place] for place in direct)) for direct in below]


def spots_of(below: list[set[int]]) -> list[Spot]:
    """A spot for each storey: on the lowest level that has space and is above all that it stands on, near to them."""
    rows: list[list[int]] = []
    levels: list[int] = []
    for place, supported_by in enumerate(below):
        level = 1 + max((levels[other] for other in supported_by), default=-1)
        while level < len(rows) and len(rows[level]) == _ACROSS:
            level += 1
        rows.extend([] for _ in range(level + 1 - len(rows)))
        rows[level].append(place)
        levels.append(level)
    middles: dict[int, float] = {}
    for row in rows:
        row.sort(key=lambda place: fmean([middles[other] for other in below[place]] or [0.0]))
        for column, place in enumerate(row):
            middles[place] = (column + 1 / 2 - len(row) / 2) * (_WIDE + _BETWEEN)
    return [Spot(level, middles[place]) for place, level in enumerate(levels)]


def _labels(storey: Storey, sizes: dict[str, Size]) -> list[str]:
    """The lines of a box: the names of its rooms, two a line, then how large they are together."""
    rooms = [room for room in storey.rooms if room in sizes]
    files, lines = (sum(sizes[room][count] for room in rooms) for count in (0, 1))
    names = [", ".join(rooms[start : start + 2]) for start in range(0, len(rooms), 2)]
    return [*names, f"{files} file{'s' * (files != 1)}, {lines:,} lines"]


def _rows(spots: list[Spot], labels: list[list[str]]) -> tuple[dict[int, Point], float]:
    """Top and bottom of every level, the highest first, and the height of the whole."""
    lines: dict[int, int] = defaultdict(int)
    for spot, texts in zip(spots, labels, strict=True):
        lines[spot.level] = max(lines[spot.level], len(texts))
    rows, y = {}, 2.0
    for level in sorted(lines, reverse=True):
        rows[level] = (y, y + _LINE * lines[level] + 10)
        y = rows[level][1] + _DOWN
    return rows, y - _DOWN + 2


def _ways(spots: list[Spot], below: list[set[int]], rows: dict[int, Point]) -> list[list[Point]]:
    """The way of every arrow: from the bottom of its box, through a gap of each level it passes, to a box's top."""
    taken: dict[tuple[int, float], int] = defaultdict(int)
    ways = []
    for place, supported_by in enumerate(below):
        start = spots[place]
        order = sorted(supported_by, key=lambda other: spots[other].x)
        for column, end in enumerate(spots[other] for other in order):
            x = start.x + (column + 1 / 2 - len(order) / 2) * min(24, _WIDE / len(order))
            way = [(x, rows[start.level][1])]
            for level in range(start.level - 1, end.level, -1):
                straight = x + (end.x - x) / (level + 1 - end.level)
                gap = min(_gaps(level, spots), key=lambda middle: abs(middle - straight))
                x = gap + 3.5 * _beside(taken[level, gap])
                taken[level, gap] += 1
                way += [(x, rows[level][0]), (x, rows[level][1])]
            ways.append([*way, (_within(x, end.x), rows[end.level][0])])
    return ways


def _gaps(level: int, spots: list[Spot]) -> list[float]:
    """The spaces between and beside the boxes of a level."""
    middles = sorted(spot.x for spot in spots if spot.level == level)
    half = (_WIDE + _BETWEEN) / 2
    return [middles[0] - half, *(middle + half for middle in middles)]


def _beside(count: int) -> int:
    """0, 1, -1, 2, -2, …: arrows through the same gap run side by side."""
    return (count + 1) // 2 * (1 if count % 2 else -1)


def _within(x: float, middle: float) -> float:
    """Where an arrow that comes from ``x`` meets the box: as straight below as the box reaches."""
    reach = _WIDE / 2 - 12
    return min(max(x, middle - reach), middle + reach)


def _arrow(way: list[Point]) -> str:
    """A line along a way: bent between levels, straight down within one."""
    line = f"M{way[0][0]:g} {way[0][1]:g}"
    for number, ((x, y), (to_x, to_y)) in enumerate(pairwise(way)):
        half = (y + to_y) / 2
        line += f"V{to_y:g}" if number % 2 else f"C{x:g} {half:g} {to_x:g} {half:g} {to_x:g} {to_y:g}"
    return f'<path d="{line}m-3.5-6l3.5 6l3.5-6" fill="none" stroke="currentColor" stroke-opacity=".5"/>'


def _box(storey: Storey, texts: list[str], spot: Spot, row: Point) -> str:
    top, bottom = row
    y = (top + bottom - _LINE * len(texts)) / 2 + 11.5
    *names, size = (
        f'<text x="{spot.x:g}" y="{y + _LINE * number:g}" font-size="{{}}" text-anchor="middle" '
        f'fill="currentColor">{text}</text>'
        for number, text in enumerate(texts)
    )
    words = "".join(name.format(13) for name in names) + size.format(10.5)
    return (
        f'<g data-rooms="{" ".join(storey.rooms)}"><title>{storey.purpose}</title>'
        f'<rect x="{spot.x - _WIDE / 2:g}" y="{top:g}" width="{_WIDE}" height="{bottom - top:g}" rx="5" '
        f'fill="#3b8f8a" fill-opacity=".13" stroke="currentColor" stroke-opacity=".45"/>{words}</g>'
    )


if __name__ == "__main__":
    main()
