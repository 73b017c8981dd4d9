"""The fused kernel against the definition of each cell: its loop and the kernels that it launches, without a GPU."""

import pytest
import torch

from seqkit.cells import available_cells, make_cell
from seqkit.kernels.fused import Fused
from seqkit.kernels.programs import find_program
from tests.compiler.own_cells import IN_PHASES, OWN, WITHOUT_PRODUCT
from tests.kernels.fake_triton import triton
from tests.kernels.layers import make, results

__all__ = ["triton"]
NAMED = [make_cell(name) for name in available_cells()]
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
    layer, x = make(cell, 5, 7, bidirectional=True).double(), torch.randn(3, 5, 5).double()
    for lengths in (None, [5, 0, 3]):
        # Double precision: only the order of sums differs.
        assert_equal_to_the_reference(layer, x, lengths)
