"""Which cells compile, and that those which do give the reference's numbers."""

import pytest
import torch

from seqkit import Recurrent
from seqkit.cells import available_cells, make_cell
from seqkit.compiler import trace
from seqkit.kernels import ensure_cells
from seqkit.kernels.compiled import struct_of


@pytest.mark.parametrize("name", available_cells())
def test_every_cell_is_traced(name):
    cell, step = make_cell(name), trace(make_cell(name))
    products = [gates for gates in step.stages if gates]
    assert len(step.states) == len(cell.state_names) and products == [*map(len, cell.stages)]


@pytest.mark.parametrize("name", available_cells())
def test_a_cell_can_be_compiled(name):
    assert "struct Cell" in struct_of(make_cell(name))


@pytest.fixture(scope="module")
def compiled():
    if not ensure_cells([make_cell(name) for name in available_cells()], print):
        pytest.skip("the native kernels cannot be built here")


@pytest.mark.slow
@pytest.mark.parametrize("name", available_cells())
def test_a_compiled_cell_gives_the_values_and_gradients_of_the_reference(name, compiled):
    torch.manual_seed(0)
    x, results = torch.randn(4, 7, 5), []
    layer = Recurrent(make_cell(name), 5, 19, num_layers=2, bidirectional=True)
    for kernel in ("native", "reference"):
        inputs = x.clone().requires_grad_()
        out, state = layer(inputs, [7, 1, 0, 4], kernel=kernel)
        results.append((out, *state.values(), *torch.autograd.grad(out.sin().sum(), [inputs, *layer.parameters()])))
    for native, reference in zip(*results, strict=True):
        # float32, and seven steps of two layers; our squashing functions differ from torch's in the last places.
        torch.testing.assert_close(native, reference, rtol=1e-4, atol=2e-5)
