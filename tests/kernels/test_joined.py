"""Weights in one piece of memory in one call of cuDNN: what it is given, checked on the CPU by torch's operators."""

import copy

import pytest
import torch
from torch import _VF
from torch.nn.utils import parametrizations

from seqkit import Recurrent
from seqkit.kernels import joined
from seqkit.layers.quick_cudnn import quick_cudnn
from tests.kernels.layers import make
from tests.kernels.test_cudnn import CELLS, EDITS

OPERATORS = [_VF.rnn_relu, _VF.rnn_tanh, _VF.lstm, _VF.gru]


def read(buffer, weights):
    """The weights as they lie in cuDNN's memory: matrices of all directions, then their biases."""
    order = [n for kind in (0, 2) for k in range(0, len(weights), 4) for n in (k + kind, k + kind + 1)]
    parts = dict(zip(order, buffer.split([weights[n].numel() for n in order]), strict=True))
    return [parts[n].view(weights[n].shape) for n in range(len(weights))]


def forward(x, weights, stride, buffer, h, c, mode, hidden, proj, layers, first, dropout, train, two, sizes, state):
    assert (stride, proj, dropout, sizes, state) == (4, 0, 0.0, [], None) and weights[1].shape[1] == hidden
    states = [h, c] if mode == 2 else h
    with torch.set_grad_enabled(torch.is_grad_enabled()):
        out, *final = OPERATORS[mode](x, states, read(buffer, weights), True, layers, 0.0, train, two, first)
    return out, *final, *[torch.empty(0)] * (2 - len(final)), torch.zeros(3), buffer


def backward(x, weights, stride, buffer, h, c, out, grad_out, grad_h, grad_c, *others):
    *options, reserve, needs = others
    # torch's operator reads the outputs as they lie in memory, step by step.
    assert len(reserve) == 3 and out.transpose(0, 1).is_contiguous()
    leaves = [t.detach().requires_grad_() for t in ([x, h] if c is None else [x, h, c])]
    whole = buffer.detach().requires_grad_()
    with torch.enable_grad():
        results = forward(leaves[0], weights, stride, whole, *leaves[1:], *[None] * (3 - len(leaves)), *options)
    given = zip(results, (grad_out, grad_h, grad_c), strict=False)
    pairs = [(value, grad) for value, grad in given if grad is not None]
    found = torch.autograd.grad([v for v, _ in pairs], [*leaves, whole], [g for _, g in pairs])
    by_input = [*found[:-1], *[None] * (3 - len(leaves))]
    return *(g if need else None for g, need in zip(by_input, needs, strict=False)), read(found[-1], weights)


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch):
    monkeypatch.setattr(joined, "cudnn_rnn", forward)
    monkeypatch.setattr(joined, "cudnn_rnn_backward", backward)


def all_of(layer, x, state, run):
    x = x.clone().requires_grad_()
    start = None if state is None else state.map(lambda s: s.clone().requires_grad_())
    out, final = run(layer, x, start)
    loss = sum((value.sin() * (n + 1)).sum() for n, value in enumerate((out, *final.values())))
    wanted = [x, *(() if start is None else start.values()), *layer.parameters()]
    return [out, *final.values(), *torch.autograd.grad(loss, wanted)]


def by_reference(layer, x, state):
    return layer(x, None, state, kernel="reference")


def assert_equal_to_the_reference(layer, x, state=None):
    for one, other in zip(*(all_of(layer, x, state, run) for run in (quick_cudnn, by_reference)), strict=True):
        # Double precision: only the order of sums differs.
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (3, True)])
def test_values_states_and_gradients_equal_the_reference(cell, options, layers, bidirectional):
    layer = make(cell, 3, 4, num_layers=layers, bidirectional=bidirectional, **options).double()
    layer.join_weights()
    x = torch.randn(5, 7, 3).double()
    for state in (None, layer.initial_state(5).map(torch.randn_like)):
        assert_equal_to_the_reference(layer, x, state)
        with torch.no_grad():
            for one, other in zip(quick_cudnn(layer, x, state), by_reference(layer, x, state), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def transpose(layer):
    layer.layers[0][0].weight_h.data = layer.layers[0][0].weight_h.data.t()


@pytest.mark.parametrize("edit", [*EDITS, transpose])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_after_any_edit_it_is_the_reference_or_none(cell, edit):
    layer = make(cell, 3, 4, num_layers=2).double()
    layer.join_weights()
    x = torch.randn(5, 7, 3).double()
    assert_equal_to_the_reference(layer, x)
    if edit is transpose and cell != "rnn":
        return  # not square
    edit(layer)
    if quick_cudnn(layer, x, None) is not None:
        assert_equal_to_the_reference(layer, x)
    layer.join_weights()
    assert_equal_to_the_reference(layer, x)


def hooked(layer):
    layer.layers[0][0].register_forward_hook(lambda module, given, weights: weights._replace(bias=weights.bias + 1))


def normed(layer):
    parametrizations.weight_norm(layer.layers[0][0], "weight_h")


def replaced(layer):
    layer.cell = Recurrent("lstm-peephole", 3, 4).cell


@pytest.mark.parametrize("change", [hooked, normed, replaced])
def test_what_cudnn_cannot_do_is_left_to_the_ordinary_way(change):
    layer, x = make("lstm", 3, 4), torch.randn(2, 5, 3)
    layer.join_weights()
    assert quick_cudnn(layer, x, None) is not None
    change(layer)
    assert quick_cudnn(layer, x, None) is None


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.5, "num_layers": 2}, {"weight_dropout": 0.5}, {"recurrent_dropout": 0.5}, {"zoneout": 0.5},
        {"residual": True, "num_layers": 2}, {"kernel": "reference"}, {"variational_dropout": 0.5},
    ],
)  # fmt: skip
def test_noise_and_other_kernels_are_left_to_the_ordinary_way(options):
    layer = make("lstm", 3, 4, **options)
    layer.join_weights()
    assert quick_cudnn(layer, torch.randn(2, 5, 3), None) is None


def test_what_does_not_fit_is_left_to_the_ordinary_way():
    layer, x = make("lstm", 3, 4), torch.randn(2, 5, 3)
    layer.join_weights()
    state = layer.initial_state(2)
    assert quick_cudnn(layer, x, state) is not None
    assert quick_cudnn(layer, x[..., :2], None) is None
    assert quick_cudnn(layer, x.double(), None) is None
    assert quick_cudnn(layer, x[:, :0], None) is None
    assert quick_cudnn(layer, x, {"h": state.h}) is None
    assert quick_cudnn(layer, x, state.map(lambda s: s[:1])) is None
    assert quick_cudnn(layer, x, state.map(torch.Tensor.double)) is None
    assert torch.func.vmap(lambda x: layer(x)[0])(x.unsqueeze(0)).shape == (1, 2, 5, 4)


def test_weights_that_lie_apart_are_left_to_the_ordinary_way():
    layer, x = make("gru", 3, 4), torch.randn(2, 5, 3)
    assert quick_cudnn(layer, x, None) is None
    layer.join_weights()
    assert quick_cudnn(layer, x, None) is not None
    assert quick_cudnn(copy.deepcopy(layer), x, None) is None


def test_a_weight_that_changes_before_the_way_back_is_reported():
    layer, x = make("lstm", 3, 4), torch.randn(2, 5, 3)
    layer.join_weights()
    out, _ = quick_cudnn(layer, x, None)
    with torch.no_grad():
        layer.layers[0][0].bias.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_a_way_back_can_be_gone_twice_and_a_second_derivative_is_refused():
    layer, x = make("gru", 3, 4), torch.randn(2, 5, 3, requires_grad=True)
    layer.join_weights()
    out = quick_cudnn(layer, x, None)[0].sin().sum()
    first, second = (torch.autograd.grad(out, x, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    (grad,) = torch.autograd.grad(out, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_weights_first_read_in_inference_mode_can_be_trained():
    layer, x = make("lstm", 3, 4).double(), torch.randn(2, 5, 3).double()
    layer.join_weights()
    with torch.inference_mode():
        quick_cudnn(layer, x, None)
    assert_equal_to_the_reference(layer, x)


def test_bfloat16_is_inside_alone():
    layer, x = make("gru", 8, 8, precision="bf16"), torch.randn(2, 6, 8)
    layer.join_weights()
    rounded, exact = (all_of(layer, x, layer.initial_state(2), run) for run in (quick_cudnn, by_reference))
    for one, other in zip(rounded, exact, strict=True):
        assert one.dtype is torch.float32 and not torch.equal(one, other)
        # 8 bits of each side, in sums that partly cancel: within 5 % of the largest value.
        assert float((one - other).detach().abs().max()) <= 0.05 * float(other.detach().abs().max()) + 1e-3
