"""The fused kernel on a GPU, against the reference loop there."""

import pytest
import torch

from seqkit.cells import available_cells, make_cell
from seqkit.kernels import KERNELS, choose_kernel, fused
from seqkit.kernels.fused import Fused
from seqkit.kernels.graphs import Graphs
from seqkit.kernels.programs import find_program, has_triton
from tests.compiler.own_cells import IN_PHASES, OWN, WITHOUT_PRODUCT
from tests.kernels.layers import make, results

CELLS = [*OWN, *WITHOUT_PRODUCT, *IN_PHASES, *map(make_cell, available_cells())]
FEW = [make_cell("lstm-layer-norm"), make_cell("gru", reset="before"), make_cell("min-gru"), make_cell("lstm-peephole")]
few = pytest.mark.parametrize("cell", FEW, ids=repr)
pytestmark = pytest.mark.skipif(not (torch.cuda.is_available() and has_triton()), reason="no CUDA with Triton")


@pytest.fixture(autouse=True)
def new_graphs(monkeypatch):
    monkeypatch.setattr(fused, "_GRAPHS", Graphs())
    monkeypatch.setattr(torch.backends.cuda.matmul, "fp32_precision", "ieee")


def assert_alike(layer, x, lengths, tolerance, calls=1):
    start = layer.initial_state(len(x)).map(torch.rand_like)
    for _ in range(calls):
        found = results(layer, x, lengths, start, "fused")
    for ours, theirs in zip(found, results(layer, x, lengths, start, "reference"), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            scale = max(1.0, float(other.detach().abs().max()))
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_values_states_and_gradients_equal_the_reference(cell):
    if find_program(cell) is None:
        pytest.skip("cannot be compiled")
    layer, x = make(cell, 5, 20, bidirectional=True).double().cuda(), torch.randn(3, 6, 5).double().cuda()
    # Double precision: only the order of sums differs, and single constants of torch's are rounded to float32.
    assert_alike(layer, x, [6, 0, 4], 1e-7)


@few
@pytest.mark.parametrize("lengths", [None, [9, 0, 4, 7]])
@pytest.mark.parametrize(("hidden", "layers", "bidirectional"), [(33, 1, False), (200, 2, True)])
def test_in_float32_a_graph_gives_what_the_loop_gives(cell, lengths, hidden, layers, bidirectional):
    layer = make(cell, 24, hidden, num_layers=layers, bidirectional=bidirectional).cuda()
    # Three calls: as it is, recorded, and replayed. Sums of 200 products, in up to 9 steps of two layers.
    assert_alike(layer, torch.randn(4, 9, 24).cuda(), lengths, 5e-5, calls=3)


@few
def test_any_edit_of_a_weight_counts_in_a_recorded_call(cell):
    layer, x = make(cell, 24, 32).cuda(), torch.randn(4, 9, 24).cuda()
    with torch.no_grad():
        for _ in range(3):
            before = layer(x, kernel="fused")[0]
        layer.layers[0][0].weight_x.data = 2 * layer.layers[0][0].weight_x.data
        after = layer(x, kernel="fused")[0]
        torch.testing.assert_close(after, layer(x, kernel="reference")[0], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(before, after)


def test_two_calls_before_a_way_back_keep_what_each_needs():
    layer = make(FEW[0], 24, 32).cuda()
    inputs = [torch.randn(4, 9, 24).cuda() for _ in range(4)]
    outputs = [layer(x, kernel="fused")[0] for x in inputs]
    for x, out in zip(inputs, outputs, strict=True):
        expected = torch.autograd.grad(layer(x, kernel="reference")[0].sum(), [*layer.parameters()])
        for one, other in zip(torch.autograd.grad(out.sum(), [*layer.parameters()]), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_graphs_work_after_a_call_in_inference_mode_and_in_many_sizes():
    layer = make(FEW[1], 24, 32).cuda()
    for steps in (*range(1, 12), *range(1, 12), 3):
        x = torch.randn(2, steps, 24).cuda()
        with torch.inference_mode():
            layer(x, kernel="fused")
        assert_alike(layer, x, None, 5e-5)
    assert 4 < len(fused._GRAPHS) <= fused._GRAPHS.most


@few
def test_bfloat16_rounds_products_alone(cell):
    layer = make(cell, 24, 64, bidirectional=True, precision="bf16").cuda()
    x = torch.randn(5, 7, 24).cuda()
    start = layer.initial_state(5)
    exact, rounded = (results(layer, x, [5, 2, 7, 0, 1], start, kernel) for kernel in ("reference", "fused"))
    different = False
    for ours, theirs in zip(rounded, exact, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            one, other = one.detach(), other.detach()
            assert one.dtype is torch.float32
            # 8 bits of each side, in sums that partly cancel: within 5 % of the largest value.
            assert float((one - other).abs().max()) <= 0.05 * float(other.abs().max()) + 1e-3
            different |= not torch.equal(one, other)
    assert different


@few
def test_a_second_derivative_is_the_references(cell):
    layer, x = make(cell, 3, 4).double().cuda(), torch.randn(2, 3, 3).double().cuda().requires_grad_()
    found = []
    for kernel in ("fused", "reference"):
        (grad,) = torch.autograd.grad(layer(x, kernel=kernel)[0].sin().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), x)[0])
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-11)


@few
def test_single_steps_equal_the_whole_call(cell):
    layer, x, state = make(cell, 24, 32, num_layers=2).cuda().eval(), torch.randn(3, 5, 24).cuda(), None
    with torch.no_grad():
        whole, last = layer(x)
        for t in range(5):
            y, state = layer.step(x[:, t], state)
            torch.testing.assert_close(y, whole[:, t], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(dict(state), dict(last), rtol=1e-5, atol=1e-5)


@few
def test_auto_takes_it_where_cudnn_has_no_such_cell(cell):
    for precision in ("f32", "bf16"):
        assert isinstance(choose_kernel(cell, torch.ones(2, 3, 4).cuda(), "auto", precision), Fused)
    assert choose_kernel(cell, torch.ones(2, 3, 4).cuda(), "torch") is KERNELS["reference"]
    assert choose_kernel(cell, torch.ones(2, 3, 4).half().cuda(), "auto") is KERNELS["reference"]


def test_a_cell_that_cannot_be_compiled_runs_in_the_loop():
    cell = next(cell for cell in CELLS if find_program(cell) is None)
    assert choose_kernel(cell, torch.ones(2, 3, 4).cuda(), "auto") is KERNELS["reference"]
