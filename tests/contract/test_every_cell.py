"""Every cell found in the package, ours or an installed one, passes these."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit import Recurrent
from seqkit.cells import Cell, available_cells, cell_class
from seqkit.cells.gru import GRU
from seqkit.cells.rnn import RNN
from seqkit.kernels import KERNELS, ensure

CELLS = [cell_class(name)() for name in available_cells()] + [GRU("before"), RNN("relu")]
BY_HAND = [cell for cell in CELLS if cell.has_backward]
cells = pytest.mark.parametrize("cell", CELLS, ids=repr)
KINDS = ("MUT1", "SLSTM", "UnICORNN")  # two products for two of three gates; four states; own parameters, no product
some_cells = pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, marks=[] if cell in BY_HAND or type(cell).__name__ in KINDS else pytest.mark.slow)
        for cell in CELLS
    ],
    ids=repr,
)


def outputs(layer, x, lengths, **options):
    out, state = layer(x, lengths, **options)
    return (out, *state.values())


@cells
def test_gradients_by_hand_or_through_step_equal_finite_differences(cell):
    torch.manual_seed(1)
    layer = Recurrent(cell, 2, 3, bidirectional=True).double()
    x = torch.randn(3, 3, 2, dtype=torch.double, requires_grad=True)

    def run(x, *parameters):
        return outputs(layer, x, [3, 0, 2], kernel="reference")

    # One direction, sampled among all, shows what is wrong with a step that autograd derives; of what is derived by
    # hand, every entry is compared.
    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=cell not in BY_HAND)


@some_cells
def test_second_derivatives_equal_finite_differences(cell):
    torch.manual_seed(2)
    layer = Recurrent(cell, 2, 3).double()
    x = torch.randn(2, 3, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, *_: outputs(layer, x, [3, 2], kernel="reference"), (x,))


@pytest.mark.parametrize("cell", BY_HAND, ids=repr)
def test_gradients_by_hand_equal_autograd_through_step(cell):
    class Plain(type(cell)):
        step_backward = Cell.step_backward

    torch.manual_seed(3)
    ours = Recurrent(cell, 3, 5, kernel="reference").double()
    plain = Recurrent(Plain(**cell.options), 3, 5, kernel="reference").double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(4, 6, 3, dtype=torch.double)
    for first, second in zip(gradients(ours, x), gradients(plain, x), strict=True):
        torch.testing.assert_close(first, second)


def gradients(layer, x, lengths=(6, 1, 0, 4), **options):
    x = x.clone().requires_grad_()
    loss = sum((out.sin() * (n + 1)).sum() for n, out in enumerate(outputs(layer, x, list(lengths), **options)))
    return torch.autograd.grad(loss, [x, *layer.parameters()])


@cells
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_gives_the_reference_values_and_gradients(cell, kernel):
    if not KERNELS[kernel].supports(cell, torch.zeros(1)):
        pytest.skip("the kernel does not claim this cell")
    if kernel == "native" and not ensure(print):
        pytest.skip("the native kernels cannot be built here")
    torch.manual_seed(4)
    layer = Recurrent(cell, 3, 5, num_layers=2, bidirectional=True)
    x = torch.randn(4, 6, 3)
    for lengths in ((6, 1, 0, 4), (6, 6, 6, 6)):
        for first, second in zip(
            outputs(layer, x, list(lengths), kernel=kernel),
            outputs(layer, x, list(lengths), kernel="reference"),
            strict=True,
        ):
            torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)
        for first, second in zip(
            gradients(layer, x, lengths, kernel=kernel),
            gradients(layer, x, lengths, kernel="reference"),
            strict=True,
        ):
            torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)


@cells
def test_step_equals_the_whole_sequence_call(cell):
    torch.manual_seed(5)
    layer = Recurrent(cell, 3, 4, num_layers=2).double()
    x = torch.randn(2, 5, 3, dtype=torch.double)
    whole, final = layer(x)
    state = None
    for t in range(5):
        y, state = layer.step(x[:, t], state)
        torch.testing.assert_close(y, whole[:, t])
    for name in final:
        torch.testing.assert_close(state[name], final[name])


@some_cells
@settings(max_examples=20, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4), data=st.data())
def test_padding_and_batch_order_never_change_a_result(cell, lengths, data):
    torch.manual_seed(6)
    layer = Recurrent(cell, 2, 3, num_layers=2, bidirectional=True).double()
    x = torch.randn(len(lengths), 5, 2, dtype=torch.double)
    out, state = layer(x, lengths)
    garbage = x.clone()
    for row, length in enumerate(lengths):
        garbage[row, length:] = float("nan")
        assert (out[row, length:] == 0).all()
        if length:
            alone, alone_state = layer(x[row : row + 1, :length])
            torch.testing.assert_close(alone[0], out[row, :length])
            torch.testing.assert_close(alone_state.h[0], state.h[row])
    torch.testing.assert_close(layer(garbage, lengths)[0], out)
    order = data.draw(st.permutations(range(len(lengths))))
    shuffled, shuffled_state = layer(x[order], [lengths[n] for n in order])
    torch.testing.assert_close(shuffled, out[order])
    torch.testing.assert_close(shuffled_state.h, state.select(torch.tensor(order)).h)


@cells
def test_a_length_of_0_leaves_the_given_state_alone(cell):
    torch.manual_seed(7)
    layer = Recurrent(cell, 2, 3)
    start = layer.initial_state(2).map(torch.randn_like)
    _, state = layer(torch.randn(2, 1, 2), [0, 1], start)
    for name in state:
        assert torch.equal(state[name][0], start[name][0])
        assert not torch.equal(state[name][1], start[name][1])


@cells
def test_split_sequences_carry_on_from_the_state(cell):
    torch.manual_seed(8)
    layer = Recurrent(cell, 2, 3, num_layers=2).double()
    x = torch.randn(2, 6, 2, dtype=torch.double)
    whole, _ = layer(x)
    first, state = layer(x[:, :4])
    second, _ = layer(x[:, 4:], None, state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
