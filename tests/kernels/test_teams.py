"""Slices of a batch and teams of threads, asked for explicitly: the numbers are those of the reference for any."""

import pytest
import torch

from seqkit.kernels.library import ensure
from seqkit.kernels.operators import CELLS
from seqkit.kernels.plan import ROWS_WORTH_LARGE_WEIGHTS, plan

pytestmark = pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here")

# 32 units are one block on the way back, so that all but one of a team have none; 48 are 3; 128 are 2 wide ones.
SIZES = [32, 48, 128]


def draw_weight(rows, columns):
    return torch.randn(rows, columns) / columns**0.5


@pytest.mark.parametrize("units", SIZES)
@pytest.mark.parametrize("name", CELLS)
def test_any_slices_and_teams_give_the_values_and_gradients_of_the_reference(name, units, make_case, threads):
    torch.manual_seed(units)
    case = make_case(name, units, torch.randn, draw_weight)
    truth, plain = case.by_reference(torch.double), case.by_reference(torch.float)
    for slices in (1, 2, 3, 4):
        for team in (1, 2, 3, 4):
            threads(2 * slices * team)
            for value, rounded, exact in zip(case.by_operators(slices, team), plain, truth, strict=True):
                # Sums in another order err as the reference does in single precision, by chance a few times as much.
                error = float((rounded - exact).abs().max())
                scale = max(1.0, float(exact.abs().max()))
                torch.testing.assert_close(value, exact.float(), rtol=1e-6, atol=4e-6 * scale + 20 * error)


def test_large_weights_are_read_for_each_slice_only_where_it_has_rows_enough(threads):
    threads(2)
    for training, hidden in ((False, 512), (True, 1024)):
        assert plan(1, 2 * ROWS_WORTH_LARGE_WEIGHTS, hidden, 4, training=training) == (2, 1)
        assert plan(1, 2 * ROWS_WORTH_LARGE_WEIGHTS - 1, hidden, 4, training=training) == (1, 2)
