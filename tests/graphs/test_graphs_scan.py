"""Cells without an ONNX operator as a loop over their traced step: onnxruntime computes what torch computes."""

import itertools

import pytest
import torch

from seqkit import Recurrent
from seqkit.cells import Cell, available_cells, make_cell
from seqkit.cells.lstm import LSTM
from seqkit.compiler import onnx as operators
from seqkit.errors import UsageError
from seqkit.graphs import Graph, Value, add, operator_of
from seqkit.graphs.recurrent import in_onnx
from tests.compiler.own_cells import OWN, WITHOUT_PRODUCT
from tests.graphs.test_graphs_layers import assert_equal_in_onnx

SCANNED = [name for name in available_cells() if type(make_cell(name)) not in operator_of.registry]


class Doubled(LSTM):
    """Derived from a cell that ONNX has an operator for, which computes something else."""

    def step(self, x, r, state):
        h, c = super().step(x, r, state)
        return 2 * h, c


class Choosing(Cell):
    """What is known before the loop is a truth value, a number, or a parameter; one state is a parameter alone."""

    gate_names = ("a", "b")
    state_names = ("h", "bound")

    def own_parameters(self, hidden_size):
        return {"most": torch.ones(hidden_size)}

    def step(self, x, r, state, *, most):
        (h, bound), (a, b), (r_a, _) = state, x.chunk(2, -1), r.chunk(2, -1)
        return torch.where(b > 0.1, torch.tanh(a + r_a), h.clamp(-1, 1)) - 0.1 * bound, most.exp().expand_as(h)


class Blind(Cell):
    """Looks at no input."""

    gate_names = ("a",)

    def step(self, x, r, state):
        return (torch.cos(r + state[0]),)


class Small(Cell):
    """Functions whose plain form loses all digits near 0, blown up."""

    gate_names = ("a",)
    stages = ()

    def step(self, x, r, state):
        return (
            1e4 * (torch.expm1(1e-5 * x) - 2 * torch.log1p(1e-5 * x.abs())) + torch.log1p(x.abs()) - 0.5 * state[0],
        )


class Gathered(Cell):
    """Sums over all units of the input, of the state and of a parameter; a product without sums waits for them."""

    gate_names = ("a", "b")
    stages = (("a",), ("b",))

    def own_parameters(self, hidden_size):
        return {"gain": torch.ones(hidden_size)}

    def operand(self, stage, x, r, state):
        return state[0] if stage == 0 else torch.tanh(r - r.mean(-1, keepdim=True)) * state[0]

    def step(self, x, r, state, *, gain):
        a, b = (x + r).chunk(2, -1)
        share = torch.tanh(x.mean(-1, keepdim=True) + gain.mean() + a.mean(-1, keepdim=True).square())
        return (share * torch.tanh(b) + gain * state[0] / 2,)


class Shared(Cell):
    """All units have the same state; no recurrent product."""

    gate_names = ("a",)
    stages = ()

    def step(self, x, r, state):
        return ((torch.tanh(x) - state[0] / 3).mean(-1, keepdim=True).expand_as(state[0]),)


ODD = [Gathered(), Shared(), *OWN, *WITHOUT_PRODUCT, Doubled(), Choosing(), Blind(), Small()]


@pytest.mark.parametrize("cell", [*map(make_cell, SCANNED), *ODD], ids=repr)
@pytest.mark.parametrize(("layers", "both"), list(itertools.product((1, 2), (False, True))))
def test_a_layer_of_any_traced_cell_is_equal_in_onnx_at_every_length(cell, layers, both):
    assert_equal_in_onnx(cell, layers, both)


def test_a_wrong_operator_in_the_body_is_noticed(monkeypatch):
    monkeypatch.setitem(operators._UNARY, "tanh", "Sin")
    with pytest.raises(AssertionError, match="not close"):
        assert_equal_in_onnx("ugrnn")


def test_a_loop_that_runs_in_the_wrong_direction_is_noticed(monkeypatch):
    ways = {"scan_input_directions", "scan_output_directions"}
    several = Graph.add_several

    def forward(self, outputs, operator, *operands, **attributes):
        attributes = {key: [0] * len(value) if key in ways else value for key, value in attributes.items()}
        return several(self, outputs, operator, *operands, **attributes)

    monkeypatch.setattr(Graph, "add_several", forward)
    with pytest.raises(AssertionError, match="not close"):
        assert_equal_in_onnx("ugrnn", both=True)


def nodes_of(cell):
    """The operators of a layer's graph, and those of the loop's body."""
    import onnx

    layer, graph = Recurrent(cell, 3, 5), Graph()
    ran = add(layer, graph, Value("x"), Value("lengths"))
    inputs = {"x": (torch.float32, ("batch", "time", 3)), "lengths": (torch.int64, ("batch",))}
    content = graph.model("test", inputs, {"y": (ran.outputs, torch.float32, ("batch", "time", 5))}, {})
    nodes = onnx.load_from_string(content).graph.node
    (loop,) = [node for node in nodes if node.op_type == "Scan"]
    (body,) = [each.g for each in loop.attribute if each.name == "body"]
    return [node.op_type for node in nodes], [node.op_type for node in body.node]


def test_what_looks_at_the_input_alone_is_computed_before_the_loop():
    outside, inside = nodes_of("min-gru")
    assert "MatMul" in outside and "Sigmoid" in outside
    assert not {"MatMul", "Sigmoid", "Split"} & {*inside}


def test_one_product_is_left_in_the_loop():
    outside, inside = nodes_of("ugrnn")
    assert outside.count("MatMul") == inside.count("MatMul") == 1


class Chance(Cell):
    gate_names = ("a",)

    def step(self, x, r, state):
        return (x + r + torch.rand_like(x),)


def test_a_cell_that_cannot_be_traced_is_refused_with_the_reason():
    said = (
        r"ONNX has no operator for Chance\(\), and Chance\.step is not compiled: .*samples random numbers; "
        "export it with --format torch"
    )
    with pytest.raises(UsageError, match=said):
        in_onnx(Chance())
