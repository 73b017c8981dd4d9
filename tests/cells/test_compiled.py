"""Which cells compile, and that those which do give the reference's numbers."""

import pytest
import torch

from seqkit import Recurrent
from seqkit.cells import available_cells, make_cell
from seqkit.compiler import TraceError, trace
from seqkit.kernels import ensure_cells
from seqkit.kernels.compiled import struct_of

REFERENCE_ONLY = dict.fromkeys(("scrn", "intersection-rnn", "lstm-controller"), "something else than h")
COMPILED = [name for name in available_cells() if name not in REFERENCE_ONLY]


@pytest.mark.parametrize("name", available_cells())
def test_every_cell_is_traced(name):
    cell, step = make_cell(name), trace(make_cell(name))
    assert len(step.states) == len(cell.state_names) and len(step.operands) == len(cell.stages)


@pytest.mark.parametrize("name", COMPILED)
def test_a_cell_can_be_compiled(name):
    assert "struct Cell" in struct_of(make_cell(name))


@pytest.mark.parametrize("name", REFERENCE_ONLY)
def test_a_cell_that_cannot_be_compiled_says_why(name):
    with pytest.raises(TraceError, match=REFERENCE_ONLY[name]):
        struct_of(make_cell(name))


@pytest.fixture(scope="module")
def compiled():
    if not ensure_cells([make_cell(name) for name in COMPILED], print):
        pytest.skip("the native kernels cannot be built here")


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
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
