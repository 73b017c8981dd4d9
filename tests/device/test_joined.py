"""Calls of cuDNN that are recorded as CUDA graphs, against the reference loop on a GPU."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from seqkit.layers.quick_cudnn import quick_cudnn
from tests.kernels.layers import make
from tests.kernels.test_cudnn import CELLS
from tests.kernels.test_joined import all_of, by_reference

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn.rnn, "fp32_precision", "ieee")
    monkeypatch.setattr(torch.backends.cuda.matmul, "fp32_precision", "ieee")


def assert_alike(layer, x, state, loose=1):
    for one, other in zip(*(all_of(layer, x, state, run) for run in (quick_cudnn, by_reference)), strict=True):
        # Sums of up to 64 numbers over 30 steps, in another order.
        scale = loose * max(1.0, float(other.detach().abs().max()))
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
def test_values_and_gradients_equal_the_references_in_every_call(cell, options, layers, bidirectional):
    layer = make(cell, 24, 64, num_layers=layers, bidirectional=bidirectional, **options).cuda()
    # For few units cuDNN has a kernel whose tanh of a plain rnn is less exact.
    loose = 20 if cell == "rnn" and not options else 1
    for number in range(4):
        # Once as it is, then recorded, then replayed: with other inputs, states and weights.
        x = torch.randn(5, 30, 24).cuda()
        state = layer.initial_state(5).map(torch.randn_like)
        assert_alike(layer, x, state, loose)
        assert_alike(layer, x, None, loose)
        with torch.no_grad():
            layer.layers[0][0].weight_h.mul_(0.9)
            layer.layers[0][0].bias.data.add_(0.1 * number)
            found = quick_cudnn(layer, x, state)[0]
        torch.testing.assert_close(found, layer(x, None, state, kernel="reference")[0], rtol=0, atol=1e-4 * loose)


def test_weights_that_moved_are_read_where_they_are():
    layer, x = make("lstm", 24, 64).cuda(), torch.randn(5, 30, 24).cuda()
    for _ in range(3):
        assert_alike(layer, x, None)
    layer.join_weights()
    with torch.no_grad():
        layer.layers[0][0].weight_h.mul_(0.5)
    assert_alike(layer, x, None)


def test_several_calls_before_a_way_back_keep_what_each_needs():
    layer = make("gru", 24, 64).cuda()
    inputs = [torch.randn(5, 30, 24).cuda() for _ in range(4)]
    outputs = [quick_cudnn(layer, x, None)[0] for x in inputs]
    for x, out in zip(inputs, outputs, strict=True):
        expected = torch.autograd.grad(layer(x, kernel="reference")[0].sum(), [*layer.parameters()])
        for one, other in zip(torch.autograd.grad(out.sum(), [*layer.parameters()]), expected, strict=True):
            scale = max(1.0, float(other.abs().max()))
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * scale)


def test_graphs_are_few_and_take_little_of_the_memory():
    layer = make("lstm", 24, 64).cuda()
    for steps in (*range(1, 30), *range(1, 30), 29, 29):
        x = torch.randn(5, steps, 24).cuda()
        with torch.inference_mode():
            quick_cudnn(layer, x, None)
    assert_alike(layer, x, None)
    graphs = layer._memory[-1]._joined.graphs
    assert 4 < len(graphs) <= graphs.most
    layer.join_weights()
    quick_cudnn(layer, x, None)
    graphs = layer._memory[-1]._joined.graphs
    graphs.share = 1e-12
    for _ in range(3):
        assert_alike(layer, x, None)
    assert not len(graphs)


def test_a_step_is_one_of_the_whole_call_and_threads_may_share_a_layer():
    layer, x, state = make("gru", 24, 64, num_layers=2).cuda().eval(), torch.randn(5, 9, 24).cuda(), None
    with torch.no_grad():
        whole = layer(x, kernel="reference")[0]
        for t in range(9):
            y, state = layer.step(x[:, t], state)
            torch.testing.assert_close(y, whole[:, t], rtol=0, atol=1e-4)

    def run(number):
        with torch.no_grad(), torch.cuda.stream(torch.cuda.Stream()):
            return [layer(x + number)[0].cpu() for _ in range(20)]

    torch.cuda.synchronize()
    with ThreadPoolExecutor(4) as pool:
        results = [*pool.map(run, range(4))]
    for number, found in enumerate(results):
        expected = layer(x + number, kernel="reference")[0].detach().cpu()
        for each in found:
            torch.testing.assert_close(each, expected, rtol=0, atol=1e-4)
