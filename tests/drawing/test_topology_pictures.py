"""The drawings of the topologies as SVG."""

import xml.etree.ElementTree as ElementTree

import pytest

from seqkit.drawing.topologies import TOPOLOGIES, drawing
from seqkit.drawing.topology_pictures import topology_svg, with_backward_states

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_topology_has_a_box_for_each_sign_and_a_line_for_each_arrow(topology):
    text = "".join(drawing(topology))
    root = ElementTree.fromstring(topology_svg(topology))
    assert len(root.findall(f"{SVG}rect")) == text.count("[")
    assert len(root.findall(f"{SVG}path")) == text.count("→") + text.count("↑")


@pytest.mark.parametrize(
    ("topology", "inputs"), [("many to one", 4), ("many to many, synced", 4), ("many to many, delayed", 3)]
)
def test_read_both_ways_there_is_a_second_state_for_each_input_with_arrows_to_the_left(topology, inputs):
    lines = with_backward_states(drawing(topology))
    backward = [line for line in lines if "←" in line]
    assert [line.count("[h]") for line in backward] == [inputs]
    assert lines.index(backward[0]) == 1 + next(n for n, line in enumerate(lines) if "→" in line)
    assert f'aria-label="{topology}, bidirectional"' in topology_svg(topology, bidirectional=True)


def test_a_topology_without_a_drawing_has_no_picture():
    assert topology_svg("none of them") == ""
