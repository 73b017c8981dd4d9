"""The noise of training by its statistics: how often each mask keeps, how long a draw holds, and none in evaluation."""

import pytest
import torch

from seqkit import Decoder, Recurrent, UsageError
from seqkit.cells import Cell, make_cell
from seqkit.layers.zoneout import Zoneout, zoned_out

P = 0.25
ROWS, STEPS, UNITS = 40, 5, 50
# The standard deviation of a share of n draws is 0.43 / sqrt(n): 0.04 is four of them for 2,000 draws.
CLOSE = 0.04


@pytest.fixture(autouse=True)
def drawn_alike():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


class Counts(Cell):
    """Counts its steps in ``c``, and gives the recurrent part, so that tests see what a product has read."""

    gate_names = ("h",)
    state_names = ("h", "c")

    def step(self, x, r, state):
        return x + r, state[1] + 1


class Adds(Cell):
    """``h' = h + 1``, ``d' = d + 1``, by themselves."""

    gate_names, state_names, stages = ("h",), ("h", "d"), ()

    def step(self, x, r, state):
        return tuple(each + 1 for each in state)


def identity_layer(cell, **options):
    """A layer whose products give what they read."""
    layer = Recurrent(cell, UNITS, UNITS, **options)
    with torch.no_grad():
        for direction in layer.directions():
            for weight in (direction.weight_x, direction.weight_h):
                if len(weight):
                    weight.copy_(torch.eye(UNITS, weight.shape[1]))
    return layer


def share(kept):
    return float(kept.float().mean())


def test_zoneout_keeps_each_state_with_its_probability_anew_at_each_step():
    layer = Recurrent(Adds, 1, UNITS, zoneout={"h": P, "d": 0.5})
    out, state = layer(torch.zeros(ROWS, 20, 1))
    stepped = torch.diff(out, dim=1, prepend=torch.zeros(ROWS, 1, UNITS))
    assert set(stepped.unique().tolist()) == {0.0, 1.0}
    assert abs(share(stepped == 0) - P) < 0.01
    assert abs(float(state.d.mean()) / 20 - 0.5) < 0.01
    # Draws of two steps, two units and two sequences know nothing of one another.
    for first, second in (
        (stepped[:, 1:], stepped[:, :-1]),
        (stepped[1:], stepped[:-1]),
        (stepped[..., 1:], stepped[..., :-1]),
    ):
        both = share((first == 0) & (second == 0))
        assert abs(both - P * P) < 0.01


def test_zoneout_gives_its_expectation_in_evaluation():
    layer = Recurrent(Adds, 1, UNITS, zoneout=P).eval()
    out, state = layer(torch.zeros(ROWS, STEPS, 1))
    torch.testing.assert_close(out[:, -1], torch.full((ROWS, UNITS), STEPS * (1 - P)))
    torch.testing.assert_close(state.d, state.h)
    many = Recurrent(Adds, 1, UNITS, zoneout=P)(torch.zeros(500, STEPS, 1))[0]
    torch.testing.assert_close(many[:, -1].mean(0), torch.full((UNITS,), STEPS * (1 - P)), rtol=0.05, atol=0)


def test_zoneout_of_an_lstm_mixes_each_state_by_hand():
    layer = Recurrent("lstm", 2, 3, zoneout={"c": 0.5, "h": 0.05}).double().eval()
    plain = Recurrent("lstm", 2, 3).double()
    plain.load_state_dict(layer.state_dict())
    x, state = torch.randn(4, 2, dtype=torch.double), layer.initial_state(4).map(torch.randn_like)
    _, after = plain.step(x, state)
    _, mixed = layer.step(x, state)
    torch.testing.assert_close(mixed.h, 0.05 * state.h + 0.95 * after.h)
    torch.testing.assert_close(mixed.c, 0.5 * state.c + 0.5 * after.c)


@pytest.mark.parametrize(
    ("name", "state", "gate"), [("lstm", "c", "f"), ("t-lstm", "c", "f"), ("t-gru", "h", "f"), ("lem", "h", "d")]
)
def test_what_is_kept_of_the_memory_counts_what_zoneout_keeps_of_it(name, state, gate):
    cell = make_cell(name)
    rates = {each: 0.25 if each == state else 0.5 for each in cell.state_names}
    gates = {gate: torch.tensor([[0.6]])}
    plain = cell.kept(gates)
    assert 0.3 < float(plain) < 0.7
    torch.testing.assert_close(zoned_out(cell, rates).kept(gates), 0.25 + 0.75 * plain)


def test_zoneout_of_an_slstm_averages_the_memory_and_not_its_scale():
    cell = make_cell("s-lstm")
    before = (torch.tensor([[0.3]]), torch.tensor([[0.5]]), torch.tensor([[2.0]]), torch.tensor([[3.0]]))
    after = (torch.tensor([[0.1]]), torch.tensor([[0.8]]), torch.tensor([[1.0]]), torch.tensor([[1.0]]))
    h, c, n, m = cell.mix(before, after, (0.2, 0.5, 0.9, 0.9))
    torch.testing.assert_close(h, 0.2 * before[0] + 0.8 * after[0])
    for found, old, new in ((c, before[1], after[1]), (n, before[2], after[2])):
        torch.testing.assert_close(found * m.exp(), 0.5 * old * before[3].exp() + 0.5 * new * after[3].exp())
    for keeps, expected in ((1.0, before), (0.0, after)):
        kept = cell.mix(before, after, [torch.tensor([[keeps]])] * 4)
        for found, wanted in zip(kept, expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_recurrent_dropout_masks_what_the_product_reads_once_for_each_sequence():
    layer = identity_layer(Counts, recurrent_dropout=P)
    start = layer.initial_state(ROWS).map(torch.ones_like)
    x = torch.ones(ROWS, STEPS, UNITS)
    out, state = layer(x, None, start)
    mask = out[:, 0] - 1
    kept = mask != 0
    assert abs(share(~kept) - P) < CLOSE
    torch.testing.assert_close(mask[kept], torch.full_like(mask[kept], 1 / (1 - P)))
    before = start.h[:, 0]
    for t in range(STEPS):
        torch.testing.assert_close(out[:, t], x[:, t] + mask * before)
        before = out[:, t]
    # What the cell keeps beside the product is not dropped.
    assert (state.c == STEPS + 1).all()
    assert len({tuple(row) for row in kept.tolist()}) == ROWS
    evaluated = layer.eval()(x, None, start)[0]
    assert torch.equal(evaluated[:, 0], torch.full((ROWS, UNITS), 2.0))


def test_recurrent_dropout_draws_for_each_layer_and_direction():
    layer = identity_layer(Counts, num_layers=2, bidirectional=True, recurrent_dropout=0.5)
    start = layer.initial_state(ROWS).map(torch.ones_like)
    with torch.no_grad():
        for direction in layer.directions():
            direction.weight_x.zero_()
    masks = layer(torch.zeros(ROWS, 1, UNITS), None, start)[1].h
    for first in range(4):
        for second in range(first):
            assert abs(share(masks[:, first] == masks[:, second]) - 0.5) < CLOSE


def test_variational_dropout_masks_what_each_layer_reads_at_all_steps_alike():
    layer = identity_layer(Counts, num_layers=2, variational_dropout=P)
    with torch.no_grad():
        for direction in layer.directions():
            direction.weight_h.zero_()
    out = layer(torch.ones(ROWS, STEPS, UNITS))[0]
    assert torch.equal(out, out[:, :1].expand_as(out))
    # Both layers let it through.
    assert abs(share(out != 0) - (1 - P) ** 2) < CLOSE
    torch.testing.assert_close(out[out != 0], torch.full_like(out[out != 0], (1 - P) ** -2))
    assert (layer.eval()(torch.ones(ROWS, STEPS, UNITS))[0] == 1).all()


NOISES = [{"recurrent_dropout": 0.5}, {"variational_dropout": 0.5}, {"weight_dropout": 0.5}]


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: next(iter(noise)))
def test_steps_of_one_sequence_share_their_draws_and_single_steps_do_not(noise):
    layer = Recurrent("gru", 3, UNITS, num_layers=2, **noise)
    x, state = torch.randn(ROWS, 3), None
    start = layer.initial_state(ROWS).map(torch.ones_like)
    with layer.noise.one_sequence():
        first, _ = layer.step(x, start)
        again, _ = layer.step(x, start)
        whole, _ = layer(x.unsqueeze(1), None, start)
    assert torch.equal(first, again)
    torch.testing.assert_close(whole[:, 0], first)
    assert not torch.equal(layer.step(x, start)[0], layer.step(x, start)[0])
    layer.eval()
    assert torch.equal(layer.step(x, state)[0], layer.step(x, state)[0])


@pytest.mark.parametrize("forcing", [1.0, 0.5])
def test_a_decoder_that_goes_step_by_step_draws_once_for_each_sequence(forcing):
    decoder = Decoder(9, 4, hidden_size=UNITS, variational_dropout=0.5)
    masks = []
    read = decoder.recurrent.step

    def record(x, state):
        held = decoder.recurrent.noise.draws()
        out = read(x, state)
        masks.append(held._drawn["inputs", 0])
        return out

    object.__setattr__(decoder.recurrent, "step", record)
    decoder(torch.randint(1, 9, (ROWS, STEPS)), decoder.start(batch_size=ROWS), forcing=0.5)
    assert len(masks) == STEPS
    assert all(mask is masks[0] for mask in masks)


def test_the_same_generator_gives_the_same_draws_and_copies_draw_on_their_own():
    options = {"zoneout": 0.1, "recurrent_dropout": 0.2, "variational_dropout": 0.2, "weight_dropout": 0.2}
    layer, x = Recurrent("lstm", 3, 8, num_layers=2, bidirectional=True, dropout=0.1, **options), torch.randn(4, 6, 3)
    outs = []
    for _ in range(2):
        torch.manual_seed(7)
        outs.append(layer(x, [6, 2, 0, 3])[0])
    assert torch.equal(*outs)
    assert not torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize("option", ["zoneout", "recurrent_dropout"])
@pytest.mark.parametrize("kernel", ["native", "aten"])
def test_a_kernel_that_cannot_draw_in_its_loop_is_refused_in_training_alone(option, kernel):
    layer = Recurrent("lstm", 2, 3, **{option: 0.5})
    with pytest.raises(UsageError, match=f"kernel '{kernel}' cannot train with zoneout or recurrent_dropout"):
        layer(torch.zeros(1, 2, 2), kernel=kernel)
    layer(torch.zeros(1, 2, 2), kernel="auto")
    if option == "recurrent_dropout":
        layer.eval()(torch.zeros(1, 2, 2), kernel="aten")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zoneout": 1.0}, "zoneout must be at least 0 and below 1, not 1.0"),
        ({"zoneout": -0.1}, "zoneout must be at least 0"),
        ({"zoneout": {"n": 0.1}}, "unknown state 'n'"),
        ({"recurrent_dropout": 1.5}, "recurrent_dropout must be at least 0 and below 1, not 1.5"),
        ({"variational_dropout": float("nan")}, "variational_dropout must be"),
        ({"cell": "min-gru", "recurrent_dropout": 0.1}, "has no recurrent product, so there is nothing"),
        ({"residual": True}, "give num_layers 2 or more"),
        ({"cell": Zoneout(make_cell("gru"), (0.1,)), "zoneout": 0.1}, "has zoneout already"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(options, message):
    with pytest.raises(UsageError, match=message):
        Recurrent(**{"cell": "gru", "input_size": 2, "hidden_size": 3, **options})
