"""Zoneout, dropouts, residual connections and learned initial states of every cell."""

import pytest
import torch

from seqkit import Recurrent
from seqkit.cells import available_cells, cell_class
from seqkit.cells.gru import GRU
from tests.graphs.test_graphs_layers import assert_equal_in_onnx

CELLS = [cell_class(name)() for name in available_cells()] + [GRU("before")]
cells = pytest.mark.parametrize("cell", CELLS, ids=repr)
FIXED = {"zoneout": 0.2, "residual": True, "learned_state": True}
NOISE = {"dropout": 0.2, "weight_dropout": 0.3, "variational_dropout": 0.3}
LENGTHS = [4, 0, 2]


def layer_of(cell, seed, noisy=False, **options):
    noise = {**NOISE, **({"recurrent_dropout": 0.3} if cell.stages else {})} if noisy else {}
    torch.manual_seed(seed)
    layer = Recurrent(cell, 2, 3, 2, **{**FIXED, **noise, **options}).double()
    with torch.no_grad():
        for value in layer.initial.parameters():
            value.copy_(0.5 * torch.randn_like(value))
    return layer


def flat(out, state):
    return (out, *state.values())


@cells
@pytest.mark.parametrize("training", [True, False])
def test_gradients_with_all_options_equal_finite_differences(cell, training):
    layer = layer_of(cell, 1, noisy=True, bidirectional=True).train(training)
    x = torch.randn(3, 4, 2, dtype=torch.double, requires_grad=True)

    def run(x, *_):
        torch.manual_seed(2)
        return flat(*layer(x, LENGTHS))

    # In all directions at once: a few random ones would do to see a wrong gradient, and take a tenth of the time.
    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


@cells
def test_steps_equal_the_whole_call_and_split_sequences_carry_on(cell):
    layer = layer_of(cell, 3).eval()
    x = torch.randn(2, 5, 2, dtype=torch.double)
    whole, final = layer(x)
    state = None
    for t in range(5):
        y, state = layer.step(x[:, t], state)
        torch.testing.assert_close(y, whole[:, t])
    first, carried = layer(x[:, :3])
    second, last = layer(x[:, 3:], None, carried)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    for name in final:
        torch.testing.assert_close(state[name], final[name])
        torch.testing.assert_close(last[name], final[name])


@cells
def test_padding_changes_nothing_and_an_empty_sequence_stays_where_it_starts(cell):
    layer = layer_of(cell, 4, bidirectional=True).eval()
    x = torch.randn(3, 4, 2, dtype=torch.double)
    out, state = layer(x, LENGTHS)
    alone, alone_state = layer(x[2:, :2])
    torch.testing.assert_close(alone[0], out[2, :2])
    start = layer.initial_state(3)
    for name in state:
        assert torch.equal(state[name][1], start[name][1])
        torch.testing.assert_close(alone_state[name][0], state[name][2])
    assert (out[1] == 0).all()
    assert (out[2, 2:] == 0).all()


@cells
def test_a_learned_state_is_the_state_that_a_plain_layer_is_given(cell):
    layer = layer_of(cell, 5, zoneout=0.0)
    plain = Recurrent(cell, 2, 3, 2, residual=True).double()
    plain.load_state_dict({name: value for name, value in layer.state_dict().items() if not name.startswith("initial")})
    x = torch.randn(3, 4, 2, dtype=torch.double)
    for first, second in zip(flat(*layer(x, LENGTHS)), flat(*plain(x, LENGTHS, layer.initial_state(3))), strict=True):
        torch.testing.assert_close(first, second)
    # States count, too: of a delay, the outputs of four steps do not see everything.
    sum(each.sum() for each in flat(*layer(x, LENGTHS))).backward()
    assert all(float(value.grad.abs().sum()) > 0 for value in layer.initial.parameters())


@cells
def test_residual_connections_add_what_a_layer_reads(cell):
    torch.manual_seed(6)
    layer = Recurrent(cell, 2, 3, 2, residual=True, kernel="reference").double()
    below, above = (Recurrent(cell, size, 3, kernel="reference").double() for size in (2, 3))
    for number, one in enumerate((below, above)):
        one.layers[0].load_state_dict(layer.layers[number].state_dict())
    x = torch.randn(3, 4, 2, dtype=torch.double)
    first, _ = below(x, LENGTHS)
    torch.testing.assert_close(layer(x, LENGTHS)[0], first + above(first, LENGTHS)[0])


@cells
def test_a_layer_without_the_options_has_the_weights_that_it_always_had(cell):
    options = {**FIXED, **NOISE, "learned_state": False}
    torch.manual_seed(7)
    layer = Recurrent(cell, 2, 3, 2, **options)
    torch.manual_seed(7)
    plain = Recurrent(cell, 2, 3, 2)
    assert list(layer.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in layer.state_dict().items())
    learned = set(Recurrent(cell, 2, 3, 2, learned_state=True).state_dict()) - set(plain.state_dict())
    assert learned == {f"initial.{name}" for name in cell.state_names if name not in cell.zero_states}


@cells
def test_all_options_are_equal_in_onnx(cell):
    assert_equal_in_onnx(cell, 2, True, **FIXED)
