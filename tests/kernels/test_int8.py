"""Products of 8-bit integers: every cell against its definition with each product done in rounded numbers."""

import copy

import pytest
import torch

import seqkit.kernels.reference
from seqkit import Recurrent, UsageError
from seqkit.kernels.library import ensure
from seqkit.kernels.operators import CELLS

pytestmark = pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here")
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
RARE, FLIP = 0.03, 0.1
"""What fraction of values one rounding the other way may reach, where the sums before it are a last place apart, and
how far"""


def levels(rows):
    """Each row in 127 levels to each side of 0, and what a level is worth."""
    largest = rows.abs().amax(-1, keepdim=True)
    inverse = 127 / largest.clamp(min=1e-30)
    return (rows.double() * inverse.double()).round(), largest / 127


def linear_of_levels(x, weight, bias):
    (a, row_scale), (b, column_scale) = levels(x), levels(weight)
    product = ((a @ b.T) * (row_scale.double() * column_scale.double().T)).float()
    return product if bias is None else product + bias


def make(cell, inputs, hidden, **options):
    torch.manual_seed(hidden)
    layer = Recurrent(cell, inputs, hidden, kernel="native", precision="int8", **options).eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return layer


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def assert_close_but_for_a_rounding(found, expected):
    for ours, truth in zip(found, expected, strict=True):
        apart = (ours - truth).abs()
        assert float((apart > 2e-5).float().mean()) <= RARE and float(apart.max()) < FLIP


def values(result):
    return [result[0], *result[1].values()]


@cells
@pytest.mark.parametrize(("batch", "steps", "inputs", "hidden"), [(1, 5, 5, 7), (3, 4, 4, 33), (70, 3, 33, 64)])
def test_int8_rounds_both_sides_of_every_product_and_nothing_else(cell, batch, steps, inputs, hidden, monkeypatch):
    layer = make(cell, inputs, hidden, bidirectional=batch != 3)
    x, start = torch.randn(batch, steps, inputs), layer.initial_state(batch).map(torch.randn_like)
    for lengths in (None, torch.randint(0, steps + 1, (batch,))):
        with torch.no_grad():
            found = values(layer(x, lengths, start))
            with monkeypatch.context() as rounding:
                rounding.setattr(seqkit.kernels.reference, "linear", linear_of_levels)
                expected = values(layer(x, lengths, start, kernel="reference"))
        assert_close_but_for_a_rounding(found, expected)


@cells
def test_single_steps_in_int8_equal_the_whole_call(cell):
    layer = make(cell, 3, 20, num_layers=2)
    for rows in (1, 2, 20):
        x, state = torch.randn(rows, 5, 3), None
        with torch.no_grad(), layer.weights_stand_still():
            whole, _ = layer(x)
            for t in range(5):
                y, state = layer.step(x[:, t], state)
                assert_close_but_for_a_rounding([y], [whole[:, t]])


@cells
def test_a_plain_step_of_one_sequence_is_that_of_float32_which_takes_no_longer_than_to_verify_packed_weights(cell):
    layer, x = make(cell, 3, 20, num_layers=2), torch.randn(1, 3)
    exact = copy.deepcopy(layer)
    exact.precision = "f32"
    with torch.no_grad():
        (y, state), (expected, after) = layer.step(x), exact.step(x)
        assert torch.equal(y, expected) and all(torch.equal(state[name], after[name]) for name in state)
        single, last = (each(x.unsqueeze(1))[0] for each in (layer, exact))
        assert torch.equal(single, last)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_teams_and_slices_give_the_same(cell, threads):
    layer = make(cell, 40, 192)
    found = []
    for count in (1, 2):
        threads(count)
        with torch.no_grad():
            found.append([values(layer(torch.linspace(-1, 1, b * 200).view(b, 5, 40))) for b in (1, 3, 40)])
    for one, two in zip(*found, strict=True):
        assert all(map(torch.equal, one, two))


@cells
def test_an_edit_of_a_weight_counts(cell):
    layer, x = make(cell, 5, 16), torch.randn(4, 6, 5)
    with torch.no_grad():
        layer(x)
        for parameter in layer.parameters():
            parameter.data *= -1
        assert torch.equal(layer(x)[0], copy.deepcopy(layer)(x)[0])


def test_int8_is_near_f32_and_not_equal_to_it():
    torch.manual_seed(0)
    layer = Recurrent("lstm", 64, 128, precision="int8", kernel="native").eval()
    exact, x = copy.deepcopy(layer), torch.randn(8, 20, 64)
    exact.precision = "f32"
    with torch.no_grad():
        apart = (layer(x)[0] - exact(x)[0]).norm() / exact(x)[0].norm()
    assert 1e-4 < apart < 0.03


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["x", "weight"])
def test_what_is_not_finite_never_comes_out_as_a_number(where, poison):
    layer, x = make("rnn", 5, 16), torch.randn(3, 4, 5)
    with torch.no_grad():
        if where == "x":
            x[1, 2, 3] = poison
            out = layer(x)[0]
            assert out[[0, 2]].isfinite().all() and out[1, :2].isfinite().all()
            # tanh of an infinite sum is 1; that is all that a number may be here.
            assert (out[1, 2].isnan() | (out[1, 2].abs() == 1)).all()
        else:
            layer.layers[0][0].weight_h[3, 4] = poison
            out = layer(x)[0]
            assert (out[:, 1:, 3].isnan() | (out[:, 1:, 3].abs() == 1)).all()


def test_zeros_tiny_and_large_numbers_are_rounded_by_the_scale_of_their_own_row():
    layer = make("rnn", 5, 16)
    x = torch.randn(4, 1, 5) * torch.tensor([0.0, 1e-38, 1e-3, 1e3]).view(4, 1, 1)
    # A plain call of one step checks the weights in float32, and then computes in it, too.
    with torch.no_grad(), layer.weights_stand_still():
        whole = layer(x)[0]
        for row in range(4):
            torch.testing.assert_close(whole[row : row + 1], layer(x[row : row + 1])[0], rtol=0, atol=1e-6)


def test_int8_has_no_gradients_and_says_so_in_one_sentence():
    layer, x = Recurrent("lstm", 3, 8, precision="int8"), torch.randn(2, 4, 3)
    for call in (lambda: layer(x), lambda: layer(x, kernel="reference"), lambda: layer.step(x[:, 0])):
        with pytest.raises(UsageError, match=r"int8.*no gradients; call the layer inside torch.no_grad"):
            call()
    layer.requires_grad_(False)
    assert layer(x)[0].isfinite().all()
    with pytest.raises(UsageError, match="int8"):
        layer(x.requires_grad_())
