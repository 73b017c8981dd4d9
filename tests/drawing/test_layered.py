"""Places of a graph's nodes: rows that go down, and nothing on top of anything else."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.drawing.layered import layered


@st.composite
def graphs(draw):
    """Widths, edges from lower numbers to higher ones, one first node and one last."""
    count = draw(st.integers(2, 14))
    widths = draw(st.lists(st.floats(10, 90), min_size=count, max_size=count))
    edges = {(draw(st.integers(0, node - 1)), node) for node in range(1, count)}
    for _ in range(draw(st.integers(0, 8))):
        end = draw(st.integers(1, count - 1))
        edges.add((draw(st.integers(0, end - 1)), end))
    starts = {start for start, _ in edges}
    return widths, sorted(edges), [0], [node for node in range(count) if node not in starts]


@settings(deadline=None, max_examples=60)
@given(graphs())
def test_edges_go_down_row_by_row_and_nodes_do_not_overlap(graph):
    widths, edges, first, last = graph
    layout = layered(widths, edges, first, last)
    for edge in edges:
        path = layout.paths[edge]
        assert (path[0], path[-1]) == edge
        assert all(layout.row[b] == layout.row[a] + 1 for a, b in pairwise(path))
    for row in range(layout.rows):
        nodes = sorted((node for node in layout.row if layout.row[node] == row), key=layout.x.__getitem__)
        for a, b in pairwise(nodes):
            apart = sum((widths[node] if node < len(widths) else 2) / 2 for node in (a, b))
            assert layout.x[b] - layout.x[a] >= apart - 1e-6
    assert all(layout.x[n] - widths[n] / 2 >= -1e-6 and layout.x[n] + widths[n] / 2 <= layout.width + 1e-6 for n in
               range(len(widths)))  # fmt: skip
    assert {layout.row[node] for node in last} == {layout.rows - 1}


def test_lines_that_need_not_cross_do_not():
    # Two chains side by side, given crosswise.
    layout = layered([20.0] * 6, [(0, 3), (1, 2), (2, 4), (3, 5)], [0, 1], [4, 5])
    assert (layout.x[0] < layout.x[1]) == (layout.x[3] < layout.x[2]) == (layout.x[5] < layout.x[4])
