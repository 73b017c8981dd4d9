"""The fused kernel against the definition of each cell: its loop and the kernels that it launches, without a GPU."""

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from seqkit import Recurrent, UsageError
from seqkit.cells import available_cells, make_cell
from seqkit.cells.gru.dsgu import DSGU
from seqkit.cells.gru.sgu import SGU
from seqkit.cells.rnn import RNN
from seqkit.kernels.fused import Fused
from seqkit.kernels.programs import find_program
from tests.compiler.own_cells import IN_PHASES, OWN, WITHOUT_PRODUCT, NormalisedStages
from tests.compiler.random_cells import cells_in_phases, cells_of_expressions
from tests.kernels.fake_triton import triton
from tests.kernels.layers import make, results

__all__ = ["triton"]
NAMED = [pytest.param(make_cell(name), marks=pytest.mark.slow) for name in available_cells()]
CELLS = [*OWN, *WITHOUT_PRODUCT, *IN_PHASES, *NAMED]


@pytest.fixture(autouse=True)
def on_a_cpu(triton, monkeypatch):
    """The kernel takes what it would take on a GPU."""
    monkeypatch.setattr(Fused, "supports", lambda self, cell, x: find_program(cell) is not None)


def assert_equal_to_the_reference(layer, x, lengths, tolerance=1e-9):
    start = layer.initial_state(len(x)).map(torch.rand_like)
    for found, expected in zip(
        *(results(layer, x, lengths, start, kernel) for kernel in ("fused", "reference")), strict=True
    ):
        for one, other in zip(found, expected, strict=True):
            scale = max(1.0, float(other.detach().abs().max()))
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_values_states_and_gradients_equal_the_reference(cell):
    if find_program(cell) is None:
        pytest.skip("cannot be compiled")
    layer, x = make(cell, 5, 7, bidirectional=True).double(), torch.randn(2, 4, 5).double()
    # Double precision: only the order of sums differs. torch's own hardsigmoid divides by 6 in float32.
    tolerance = 1e-7 if isinstance(cell, (SGU, DSGU)) else 1e-9
    for lengths in (None, [4, 3]):
        assert_equal_to_the_reference(layer, x, lengths, tolerance)


FEW = [make_cell("lstm"), make_cell("gru"), NormalisedStages(), make_cell("lstm-peephole"), make_cell("min-gru")]
few = pytest.mark.parametrize("cell", FEW, ids=repr)


@few
@pytest.mark.parametrize(("batch", "steps", "hidden"), [(1, 1, 1), (2, 4, 40)])
def test_any_size_will_do(cell, batch, steps, hidden):
    layer, x = make(cell, 3, hidden, num_layers=2).double(), torch.randn(batch, steps, 3).double()
    for lengths in (None, [steps - 1] * batch):
        assert_equal_to_the_reference(layer, x, lengths)


def test_units_are_divided_among_programs():
    for cell in (make_cell("lstm"), make_cell("min-gru")):
        assert_equal_to_the_reference(make(cell, 3, 150).double(), torch.randn(1, 2, 3).double(), None)


@few
def test_no_sequence_at_all_has_gradients_of_0(cell):
    layer = make(cell, 3, 5)
    out, state = layer(torch.zeros(0, 4, 3), kernel="fused")
    gradients = torch.autograd.grad(out.sum() + state.h.sum(), [*layer.parameters()])
    assert out.shape == (0, 4, 5) and all(not g.any() for g in gradients)


@few
def test_single_steps_equal_the_whole_call_and_change_no_state(cell):
    layer, x = make(cell, 3, 5, num_layers=2, kernel="fused").eval(), torch.randn(3, 4, 3)
    with torch.no_grad():
        whole, last = layer(x)
        states = [layer.initial_state(3).map(torch.rand_like)]
        kept = states[0].map(torch.clone)
        layer(x, None, states[0])
        torch.testing.assert_close(dict(states[0]), dict(kept), rtol=0, atol=0)
        state = None
        for t in range(4):
            y, state = layer.step(x[:, t], state)
            torch.testing.assert_close(y, whole[:, t], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(dict(state), dict(last), rtol=1e-5, atol=1e-6)


@few
def test_a_second_derivative_is_the_references(cell):
    layer, x = make(cell, 3, 4).double(), torch.randn(2, 3, 3).double().requires_grad_()
    found = []
    for kernel in ("fused", "reference"):
        (grad,) = torch.autograd.grad(layer(x, kernel=kernel)[0].sin().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), x)[0])
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-11)


def test_a_transform_runs_the_reference():
    layer, x = make(make_cell("mgu"), 3, 4).double(), torch.randn(2, 3, 3).double()
    jacobian = torch.func.jacrev(lambda x: layer(x, kernel="fused")[0])(x)
    expected = torch.autograd.functional.jacobian(lambda x: layer(x, kernel="reference")[0], x)
    torch.testing.assert_close(jacobian, expected, rtol=1e-9, atol=1e-11)


def test_what_stands_in_the_padding_reaches_neither_outputs_nor_gradients():
    for cell in FEW:
        layer, x = make(cell, 3, 5, bidirectional=True), torch.randn(2, 4, 3)
        x[1, 2:] = float("nan")
        given = x.clone().requires_grad_()
        out, _ = layer(given, [4, 2], kernel="fused")
        gradients = torch.autograd.grad(out.sum(), [given, *layer.parameters()])
        assert out.isfinite().all() and all(g.isfinite().all() for g in gradients)
        assert not out[1, 2:].any() and not gradients[0][1, 2:].any()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("length - 1 - t", "length - t"),
        ("tl.where(inside, v", "tl.where(d < 9, v"),
        ("product + (0", "product + (1"),
        ("tl.sum(tl.where(real, ", "tl.sum(tl.where(unit >= 0, 1 + "),
    ],
)
def test_a_wrong_emission_is_noticed(triton, right, wrong):
    def change(source):
        assert right in source
        return source.replace(right, wrong)

    triton(change)
    layer, x = make(NormalisedStages(), 3, 5, bidirectional=True).double(), torch.randn(3, 4, 3).double()
    with pytest.raises(AssertionError):
        assert_equal_to_the_reference(layer, x, [4, 2, 3])


def test_bfloat16_rounds_products_alone():
    for cell in FEW:
        layer = make(cell, 8, 16, bidirectional=True, precision="bf16")
        x, start = torch.randn(3, 5, 8), layer.initial_state(3)
        rounded, exact = (results(layer, x, [5, 2, 4], start, kernel) for kernel in ("fused", "reference"))
        for ours, theirs in zip(rounded, exact, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                one, other = one.detach(), other.detach()
                assert one.dtype is torch.float32 and not torch.equal(one, other)
                # 8 bits of each side, in sums that partly cancel: within 5 % of the largest value.
                assert float((one - other).abs().max()) <= 0.05 * float(other.abs().max()) + 1e-3


def test_a_cell_that_cannot_be_compiled_is_refused():
    class Branches(RNN):
        def step(self, x, r, state):
            return super().step(x if float(x.sum()) > 0 else -x, r, state)

    with pytest.raises(UsageError, match="kernel 'fused' cannot run"):
        Recurrent(Branches(), 3, 4)(torch.zeros(1, 2, 3), kernel="fused")


def test_every_layer_of_a_copy_finds_the_same_program():
    cell = make_cell("mgu")
    assert find_program(cell) is find_program(copy.deepcopy(cell))


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells_of_expressions() | cells_in_phases())
def test_random_cells_equal_the_reference(cell):
    layer, x = make(cell, 3, 5).double(), torch.randn(2, 3, 3).double()
    assert_equal_to_the_reference(layer, x, [3, 2], tolerance=1e-6)
