"""The drawing of a cell's data flow: what is in it comes from the recorded step."""

from xml.etree import ElementTree

import pytest
import torch

from seqkit import Cell
from seqkit.cells import available_cells, make_cell
from seqkit.compiler import TraceError
from seqkit.drawing.data_flow import data_flow
from seqkit.drawing.flow_graph import flow_graph


def named(graph, kind):
    return [node.name or node.text for node in graph.nodes if node.kind == kind]


def reaches(graph, start, end):
    """Whether an edge leads from a node to another, both given by kind and text or name."""
    pairs = {(graph.nodes[edge.start][:2], graph.nodes[edge.end][:2]) for edge in graph.edges}
    return any(a == start and b == end for a, b in pairs)


def test_an_lstm_has_its_gates_its_product_and_its_five_operations():
    graph = flow_graph(make_cell("lstm"))
    assert named(graph, "input") == ["x"] and named(graph, "before") == ["h", "c"]
    assert named(graph, "product") == ["W x + U h"]
    assert sorted(named(graph, "gate")) == ["f", "g", "i", "o"]
    assert sorted(named(graph, "operation")) == ["+", "tanh", "×", "×", "×"]
    assert named(graph, "after") == ["h′", "c′"]
    assert reaches(graph, ("before", "h"), ("product", "W x + U h"))
    assert reaches(graph, ("operation", "+"), ("after", "c′"))
    assert not reaches(graph, ("before", "h"), ("operation", "×"))


def test_a_gru_has_a_product_of_its_own_where_the_reset_gate_comes_between():
    after, before = (flow_graph(make_cell("gru", reset=reset)) for reset in ("after", "before"))
    assert sorted(named(after, "product")) == ["U h", "W x", "W x + U h"]
    assert sorted(named(before, "product")) == ["W x + U₁ h", "W x + U₂ ·"]


def test_what_a_product_multiplies_is_named_where_it_is_a_state():
    assert "W x + U s" in named(flow_graph(make_cell("intersection-rnn")), "product")
    assert "U₃ c′" in named(flow_graph(make_cell("lstm-working-memory")), "product")


def test_layer_normalisation_is_one_node_for_all_that_is_normalised_together():
    graph = flow_graph(make_cell("lstm-layer-norm"))
    norms = [n for n, node in enumerate(graph.nodes) if node.text == "layer norm"]
    assert len(norms) == 3  # of W x, of U h, and of c'
    into = [graph.nodes[edge.start].text for edge in graph.edges if edge.end in norms]
    assert sorted(into) == ["+", "U h", "W x"]
    marks = sorted(edge.mark for edge in graph.edges if edge.start == norms[0])
    assert marks == ["f", "g", "i", "o"]
    assert sorted(named(graph, "gate")) == ["f", "g", "i", "o"]
    assert not {"Σ", "²", "√"} & {*named(graph, "operation")}


class RootMeanSquare(Cell):
    """A candidate divided by the root of its mean square, beside an average of the state."""

    gate_names = ("n",)

    def step(self, x, r, state):
        a = x + r
        return (a / (a.square().mean(-1, keepdim=True) + 0.1).sqrt() + state[0].mean(-1, keepdim=True),)


def test_other_norms_and_averages_are_named():
    graph = flow_graph(RootMeanSquare())
    assert sorted(named(graph, "operation")) == ["+", "mean", "norm"]


class Subtracts(Cell):
    """h' = 2 x - h / 3, with a number of its own."""

    gate_names = ("n",)
    stages = ()

    def own_parameters(self, hidden_size):
        return {"push": torch.zeros(hidden_size)}

    def step(self, x, r, state, *, push):
        return (2 * x - state[0] / 3 + torch.relu(push * x),)


def test_signs_numbers_and_parameters_are_shown():
    graph = flow_graph(Subtracts())
    assert {"× 2", "÷ 3", "× push", "relu", "+"} <= {*named(graph, "operation")}
    minus = [graph.nodes[edge.start].text for edge in graph.edges if edge.mark == "−"]
    assert minus == ["÷ 3"]


@pytest.mark.parametrize("name", available_cells())
def test_every_cell_is_drawn_with_every_state_in_a_width_that_a_telephone_shows(name):
    cell = make_cell(name, **({"memory": 1} if name == "lstm-projected" else {}))
    svg = ElementTree.fromstring(data_flow(cell, name))
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {f"{state}′" for state in cell.state_names} <= {*texts}
    # At 400 pixels, letters of 13 are then 11 at least.
    assert float(svg.attrib["viewBox"].split()[2]) <= 470
    edges = flow_graph(cell).edges
    starts = {edge.start for edge in edges}
    hanging = [node for n, node in enumerate(flow_graph(cell).nodes) if n not in starts and node.kind != "after"]
    assert all(node.kind in ("input", "before") for node in hanging)


class Mixes(Cell):
    gate_names = ("n",)

    def step(self, x, r, state):
        return ((x + r).flip(-1),)


def test_a_step_that_cannot_be_recorded_is_refused():
    with pytest.raises(TraceError, match="not traced"):
        data_flow(Mixes(), "mixes")
