"""Places for the nodes of a graph that runs from top to bottom: in rows, with few crossings, without overlaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_SWEEPS = 12
_GAP = 12.0
"""between the sides of two nodes in a row"""

Edge = tuple[int, int]


class Layout(NamedTuple):
    """Where everything is, in pixels; rows are numbered from the top."""

    x: dict[int, float]
    row: dict[int, int]
    paths: dict[Edge, list[int]]
    """the nodes that an edge runs through, its ends and the bends between them"""
    width: float
    rows: int


def layered(widths: Sequence[float], edges: Sequence[Edge], first: Sequence[int], last: Sequence[int]) -> Layout:
    """Places nodes, which are numbered, each below all that lead to it.

    Args:
        widths: that of each node.
        edges: from a node to one below it; no circles.
        first: the nodes of the first row.
        last: those of the last row, in their order.
    """
    row = _rows(len(widths), edges, first, last)
    widths, paths = list(widths), dict[Edge, list[int]]()
    for edge in edges:
        if edge not in paths:
            paths[edge] = _bent(edge, row, widths)
    links = sorted({link for path in paths.values() for link in pairwise(path)})
    above: dict[int, list[int]] = {node: [] for node in row}
    below: dict[int, list[int]] = {node: [] for node in row}
    for a, b in links:
        above[b].append(a)
        below[a].append(b)
    order = _ordered(row, above, below)
    x = _spread(order, widths, above, below)
    left = min(x[node] - widths[node] / 2 for node in x)
    right = max(x[node] + widths[node] / 2 for node in x)
    return Layout({node: place - left for node, place in x.items()}, row, paths, right - left, len(order))


def _rows(count: int, edges: Sequence[Edge], first: Sequence[int], last: Sequence[int]) -> dict[int, int]:
    """As high as what leads to a node lets it be, but just above its one reader where it reads one node."""
    above: dict[int, set[int]] = {node: set() for node in range(count)}
    below: dict[int, set[int]] = {node: set() for node in range(count)}
    for a, b in edges:
        above[b].add(a)
        below[a].add(b)
    row: dict[int, int] = dict.fromkeys(first, 0)
    while len(row) < count:
        ready = [node for node in range(count) if node not in row and above[node] <= {*row}]
        row |= {node: 1 + max((row[each] for each in above[node]), default=-1) for node in ready}
    bottom = max(row.values(), default=0)
    row |= dict.fromkeys(last, max(bottom, 1))
    for node in sorted(row, key=row.__getitem__, reverse=True):
        if below[node] and node not in (*first, *last) and len(above[node]) <= 1:
            row[node] = max(row[node], min(row[each] for each in below[node]) - 1)
    return row


def _bent(edge: Edge, row: dict[int, int], widths: list[float]) -> list[int]:
    """The nodes of an edge, with a new one, a bend, in each row that it crosses."""
    a, b = edge
    bends = []
    for number in range(row[a] + 1, row[b]):
        bends.append(len(widths))
        row[len(widths)] = number
        widths.append(2.0)
    return [a, *bends, b]


def _ordered(row: Mapping[int, int], above: Mapping[int, list[int]], below: Mapping[int, list[int]]) -> list[list[int]]:
    """The nodes of each row from left to right: by the average place of their neighbours, in turns down and up."""
    order: list[list[int]] = [[] for _ in range(max(row.values()) + 1)]
    for node in sorted(row):
        order[row[node]].append(node)
    best, fewest = [list(each) for each in order], _crossings(order, below)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for nodes in order if down else reversed(order):
            place = {node: n / max(len(each) - 1, 1) for each in order for n, node in enumerate(each)}
            near = above if down else below
            nodes.sort(key=lambda node: _average([place[each] for each in near[node]], place[node]))
        found = _crossings(order, below)
        if found < fewest:
            best, fewest = [list(each) for each in order], found
    return best


def _crossings(order: Sequence[Sequence[int]], below: Mapping[int, list[int]]) -> int:
    total = 0
    for nodes, under in pairwise(order):
        place = {node: n for n, node in enumerate(under)}
        ends = [sorted(place[each] for each in below[node]) for node in nodes]
        for n, first in enumerate(ends):
            total += sum(a > b for later in ends[n + 1 :] for a in first for b in later)
    return total


def _spread(
    order: Sequence[Sequence[int]], widths: Sequence[float], above: Mapping[int, list[int]],
    below: Mapping[int, list[int]],
) -> dict[int, float]:  # fmt: skip
    """The middle of each node: near its neighbours', in its row's order."""
    x = dict[int, float]()
    for nodes in order:
        x |= _apart(nodes, widths, dict.fromkeys(nodes, 0.0))
    for sweep in range(4 * _SWEEPS):
        for nodes in order if sweep % 2 == 0 else reversed(order):
            near = {node: [*above[node], *below[node]] for node in nodes}
            x |= _apart(nodes, widths, {n: _average([x[each] for each in near[n]], x[n]) for n in nodes})
    return x


def _apart(nodes: Sequence[int], widths: Sequence[float], wanted: Mapping[int, float]) -> dict[int, float]:
    """Places as near to the wanted ones as there is room: groups that touch share what they want."""
    groups: list[tuple[list[int], float]] = []  # nodes, and where the first of them is
    offsets = dict[int, float]()
    for node in nodes:
        group, start = [node], wanted[node]
        offsets[node] = 0.0
        while groups:
            front, front_start = groups[-1]
            shift = offsets[front[-1]] + _distance(front[-1], group[0], widths)
            if start >= front_start + shift:
                break
            groups.pop()
            for each in group:
                offsets[each] += shift
            group = front + group
            start = sum(wanted[each] - offsets[each] for each in group) / len(group)
        groups.append((group, start))
    return {node: start + offsets[node] for group, start in groups for node in group}


def _distance(left: int, right: int, widths: Sequence[float]) -> float:
    return (widths[left] + widths[right]) / 2 + _GAP


def _average(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
