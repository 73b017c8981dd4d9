"""The loops to the last bit: with linear gates and small integers there is no rounding, whatever the order of sums.

The library of these tests is built from the same sources with ``SEQKIT_LINEAR_GATES``: its squashing functions have
slope 1 everywhere, wrapped into -2 to 2. The cells in Python get the same functions; then everything has to be equal.
"""

import pytest
import torch

from seqkit.cells import Cell
from seqkit.cells.gru import gru
from seqkit.cells.lstm import lstm, lstm_coupled, lstm_layer_norm, lstm_peephole
from seqkit.kernels.build import build
from seqkit.kernels.library import ensure
from seqkit.kernels.operators import CELLS

pytestmark = [
    pytest.mark.slow,  # a build takes half a minute
    pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here"),
]
NAMESPACE = "seqkit_linear"
# Float32 holds every integer up to here.
EXACT = 2**24


@pytest.fixture(scope="module")
def library():
    """Loads the library with linear gates beside the real one."""
    path = build(print, ("SEQKIT_LINEAR_GATES", f"SEQKIT_NAMESPACE={NAMESPACE}"))
    if not hasattr(getattr(torch.ops, NAMESPACE), "forward"):
        torch.ops.load_library(path)
    return NAMESPACE


def wrapped(x):
    return x - 4 * (x / 4).round()


class Normalized(torch.autograd.Function):
    """Layer normalization with deviation 1 and, for a mean, which is no integer, the wrapped sum."""

    @staticmethod
    def forward(ctx, v):
        value = v - wrapped(v.sum(-1, keepdim=True))
        ctx.save_for_backward(value)
        return value

    @staticmethod
    def backward(ctx, grad):
        (value,) = ctx.saved_tensors
        slope = wrapped((grad * value).sum(-1, keepdim=True))
        return grad - wrapped(grad.sum(-1, keepdim=True)) - value * slope


@pytest.fixture
def linear_cell(monkeypatch):
    """Makes a cell's linear version in Python, which autograd differentiates."""
    for module in (gru, lstm, lstm_coupled, lstm_layer_norm, lstm_peephole):
        monkeypatch.setattr(module, "sigmoid", wrapped)
        monkeypatch.setattr(module, "tanh", wrapped)
    monkeypatch.setattr(torch, "tanh", wrapped)
    monkeypatch.setattr(lstm_layer_norm, "_norm", lambda v: lstm_layer_norm._Norm(Normalized.apply(v), torch.ones(())))

    def make(name):
        cell = CELLS[name]
        plain = type("Plain", (type(cell),), {"step_backward": Cell.step_backward})
        return plain(**cell.options)

    return make


def draw(*shape):
    return torch.randint(-1, 2, shape).float()


def draw_weight(rows, columns):
    """Two of each row are 1 or -1: enough to mix units, and few enough that gradients stay small."""
    weight = torch.zeros(rows, columns)
    places = torch.rand(rows, columns).argsort(1)[:, :2]
    return weight.scatter_(1, places, torch.randint(0, 2, places.shape) * 2.0 - 1)


@pytest.mark.parametrize("units", [7, 32, 48, 128])
@pytest.mark.parametrize("name", CELLS)
def test_values_and_gradients_are_exactly_those_of_the_cell(name, units, library, linear_cell, make_case, threads):
    torch.manual_seed(units)
    case = make_case(name, units, draw, draw_weight, steps=5)
    exact = case.by_reference(torch.double, linear_cell(name))
    assert all(truth.abs().max() < EXACT and torch.equal(truth, truth.round()) for truth in exact)
    for slices, team in ((1, 1), (3, 1), (1, 2), (2, 3), (1, 4)):
        threads(2 * slices * team)
        for value, truth in zip(case.by_operators(slices, team, library), exact, strict=True):
            assert torch.equal(value, truth.float())
