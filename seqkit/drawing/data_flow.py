"""The data flow of a cell's step as a drawing: what comes in above, the new states below."""

from __future__ import annotations

import html
from itertools import pairwise

from seqkit.cells import Cell
from seqkit.drawing.flow_graph import Edge, Node, flow_graph
from seqkit.drawing.layered import Layout, layered

_STYLE = (
    "svg.flow{color:#24292f;font-family:system-ui,'Noto Sans','DejaVu Sans',sans-serif}"
    "@media(prefers-color-scheme:dark){svg.flow{color:#e6e8ec}}"
)
_COLOURS = {"input": "#8a63d2", "before": "#2f81c7", "after": "#2f81c7", "product": "#d9730d", "gate": "#2d9a4b",
            "operation": "#808893"}  # fmt: skip
"""Of lines; the same on light and dark pages, beside letters in the page's own colour"""
_ROW, _HEIGHT, _EDGE = 54.0, 28.0, 10.0


def data_flow(cell: Cell, name: str) -> str:
    """An SVG file of the step of a cell; it follows the reader's preference for light or dark.

    Raises:
        seqkit.compiler.TraceError: the step cannot be recorded.
    """
    graph = flow_graph(cell)
    kinds = [node.kind for node in graph.nodes]
    first = [n for n, kind in enumerate(kinds) if kind in ("input", "before")]
    last = [n for n, kind in enumerate(kinds) if kind == "after"]
    used = {end for edge in graph.edges for end in edge[:2]}
    first = [n for n in first if n in used]
    places = {n: number for number, n in enumerate(sorted(used))}
    nodes = [graph.nodes[n] for n in sorted(used)]
    edges = [Edge(places[start], places[end], mark) for start, end, mark in graph.edges]
    layout = layered(
        [_width(node) for node in nodes], [edge[:2] for edge in edges], [places[n] for n in first],
        [places[n] for n in last],
    )  # fmt: skip
    width, height = layout.width + 2 * _EDGE, layout.rows * _ROW - (_ROW - _HEIGHT) + 2 * _EDGE
    drawn = [_line(edge, layout) for edge in edges]
    drawn += [_node(node, *_place(layout, n)) for n, node in enumerate(nodes)]
    label = html.escape(f"The data flow of a step of {name}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" style="max-width:100%;height:auto" role="img" aria-label="{label}" '
        f'font-size="13" text-anchor="middle" fill="currentColor"><style>{_STYLE}</style>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _width(node: Node) -> float:
    inside = max(_HEIGHT, 14 + 7.2 * len(node.text))
    return inside + (2 * 8.0 * len(node.name) if node.name else 0.0)


def _place(layout: Layout, number: int) -> tuple[float, float]:
    return _EDGE + layout.x[number], _EDGE + _HEIGHT / 2 + layout.row[number] * _ROW


def _node(node: Node, x: float, y: float) -> str:
    width, colour = max(_HEIGHT, 14 + 7.2 * len(node.text)), _COLOURS[node.kind]
    corner = 4 if node.kind == "product" else _HEIGHT / 2
    box = (
        f'<rect x="{x - width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" width="{width:.1f}" height="{_HEIGHT:.0f}" '
        f'rx="{corner:.0f}" fill="{colour}" fill-opacity=".16" stroke="{colour}" stroke-width="1.4"/>'
    )
    text = f'<text x="{x:.1f}" y="{y + 4.5:.1f}">{html.escape(node.text)}</text>'
    name = html.escape(node.name)
    place = f'x="{x + width / 2 + 3:.1f}" y="{y + 4.5:.1f}"'
    return box + text + (f'<text {place} text-anchor="start" font-style="italic">{name}</text>' if name else "")


def _line(edge: Edge, layout: Layout) -> str:
    """A curve from below the start to above the end, through its bends, with an arrow's head and its mark."""
    points = [_place(layout, n) for n in layout.paths[edge[:2]]]
    points[0] = points[0][0], points[0][1] + _HEIGHT / 2
    points[-1] = points[-1][0], points[-1][1] - _HEIGHT / 2 - 1
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2
        path += f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
    look = 'fill="none" stroke="currentColor" stroke-opacity=".55" stroke-width="1.2"'
    line = f'<path d="{path}m-3 -5l3 5l3 -5" {look}/>'
    if not edge.mark:
        return line
    (from_x, from_y), (x, y) = points[-2], points[-1]
    at_x, at_y = (x + 8, y - 5) if edge.mark in "−÷" else ((from_x + x) / 2 + 7, (from_y + y) / 2 + 4)
    mark = html.escape(edge.mark)
    return line + f'<text x="{at_x:.1f}" y="{at_y:.1f}" font-size="11" font-style="italic">{mark}</text>'
