import pytest
import torch
from torch import nn

from seqkit import Recurrent, UsageError
from seqkit.cells import Cell

MODULES = [
    (nn.RNN, {}),
    (nn.RNN, {"nonlinearity": "relu"}),
    (nn.LSTM, {}),
    (nn.GRU, {}),
    (nn.LSTM, {"bias": False}),
    (nn.GRU, {"bias": False}),
]


@pytest.mark.parametrize("kernel", ["aten", "reference"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("kind", "options"), MODULES)
def test_equal_to_torchs_packed_module_in_values_states_and_gradients(kind, options, bidirectional, layers, kernel):
    torch.manual_seed(0)
    module = kind(4, 5, layers, batch_first=True, bidirectional=bidirectional, **options).double()
    layer = Recurrent.from_torch(module)
    lengths = torch.tensor([6, 2, 4, 1])
    x = torch.randn(4, 6, 4, dtype=torch.double, requires_grad=True)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    theirs, their_state = module(packed)
    theirs, _ = nn.utils.rnn.pad_packed_sequence(theirs, batch_first=True)
    ours, our_state = layer(x, lengths, kernel=kernel)
    torch.testing.assert_close(ours, theirs)
    their_states = their_state if isinstance(their_state, tuple) else (their_state,)
    for our, their in zip(our_state.values(), their_states, strict=True):
        torch.testing.assert_close(our, their.transpose(0, 1))

    def loss(out, states):
        return out.sin().sum() + sum(s.cos().sum() for s in states)

    (their_x,) = torch.autograd.grad(loss(theirs, their_states), x, retain_graph=True)
    (our_x,) = torch.autograd.grad(loss(ours, our_state.values()), x, retain_graph=True)
    torch.testing.assert_close(our_x, their_x)
    their_weights = [w for group in module.all_weights for w in group[:2]]
    their_grads = torch.autograd.grad(loss(theirs, their_states), their_weights)
    our_directions = [d for pair in layer.layers for d in pair]
    our_weights = [w for d in our_directions for w in (d.weight_x, d.weight_h)]
    our_grads = torch.autograd.grad(loss(ours, our_state.values()), our_weights)
    for our, their in zip(our_grads, their_grads, strict=True):
        torch.testing.assert_close(our, as_ours(kind, their))


def as_ours(kind, gradient):
    if kind is not nn.GRU:
        return gradient
    r, z, n = gradient.chunk(3)
    return torch.cat([-z, r, n])


@pytest.mark.parametrize(("kind", "options"), MODULES)
def test_to_torch_gives_back_the_same_function(kind, options):
    torch.manual_seed(1)
    module = kind(3, 4, 2, bidirectional=True, batch_first=True, dropout=0.25, **options).eval()
    back = Recurrent.from_torch(module).to_torch()
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(back(x)[0], module(x)[0])
    assert (back.dropout, back.training, back.num_layers) == (0.25, False, 2)


def test_torch_has_no_module_for_a_reset_before_the_product():
    with pytest.raises(UsageError, match="reset='after'"):
        Recurrent("gru", 2, 3, reset="before").to_torch()


class Leaky(Cell):
    """``h' = h/2 + tanh(x + r)/2 · s``, with a parameter s and no backward."""

    gate_names = ("h",)

    def own_parameters(self, hidden_size):
        return {"s": torch.ones(hidden_size)}

    def step(self, x, r, state, *, s):
        return (state[0] / 2 + torch.tanh(x + r) / 2 * s,)


def test_a_new_cell_given_only_as_step_trains_through_autograd():
    torch.manual_seed(2)
    layer = Recurrent(Leaky, 2, 8, num_layers=2, bidirectional=True)
    read_out = nn.Linear(16, 1)
    x = torch.randn(32, 7, 2)
    target = x.sum((1, 2))
    optimizer = torch.optim.Adam([*layer.parameters(), *read_out.parameters()], lr=0.02)
    losses = []
    for _ in range(60):
        loss = (read_out(layer(x)[0].mean(1)).squeeze(1) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    assert not torch.equal(layer.layers[0][0].own["s"], torch.ones(8))


def test_initial_weights_are_orthogonal_and_the_forget_gate_starts_at_1():
    layer = Recurrent("lstm", 3, 6)
    (direction,) = layer.layers[0]
    for block in direction.weight_h.detach().chunk(4):
        torch.testing.assert_close(block @ block.T, torch.eye(6))
    bias = dict(zip(layer.cell.gate_names, direction.bias.detach().chunk(4), strict=True))
    assert {gate: set(values.tolist()) for gate, values in bias.items()} == {"i": {0}, "f": {1}, "g": {0}, "o": {0}}


def test_dropout_between_layers_only_while_training():
    torch.manual_seed(3)
    layer = Recurrent("gru", 2, 8, num_layers=2, dropout=0.5)
    x = torch.randn(2, 3, 2)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_weight_dropout_zeroes_recurrent_weights_once_a_call_and_only_while_training():
    torch.manual_seed(3)
    layer = Recurrent("rnn", 2, 8, weight_dropout=0.5)
    x = torch.randn(2, 6, 2)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    # From a state of zeros, a first step has no use for recurrent weights.
    assert torch.equal(layer(x)[0][:, 0], layer(x)[0][:, 0])
    direction = layer.layers[0][0]
    layer(x)[0].sum().backward()
    dropped = direction.weight_h.grad == 0
    assert 0.3 < dropped.float().mean() < 0.7
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_an_lstm_state_has_h_and_c_batch_first_and_can_be_reordered():
    layer = Recurrent("lstm", 2, 3, num_layers=2, bidirectional=True)
    _, state = layer(torch.randn(5, 4, 2))
    assert list(state) == ["h", "c"]
    assert state.h.shape == state.c.shape == (5, 4, 3)
    picked = state.select(torch.tensor([4, 4, 0]))
    assert torch.equal(picked.c[1], state.c[4])
    assert not state.detach().h.requires_grad
    with pytest.raises(AttributeError, match="h, c, not 'z'"):
        _ = state.z


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recurrent("lstn", 2, 3), "did you mean 'lstm'"),
        (lambda: Recurrent("lstm", 2, 0), "hidden_size must be a whole number of at least 1, not 0"),
        (lambda: Recurrent("lstm", 2, 2.5), "hidden_size must be a whole number of at least 1, not 2.5"),
        (lambda: Recurrent("lstm", -1, 2), "input_size must be a whole number of at least 1, not -1"),
        (lambda: Recurrent("lstm", 2, 3, dropout=1.5), "dropout"),
        (lambda: Recurrent("lstm", 2, 3, weight_dropout=1.0), "weight_dropout must be at least 0 and below 1, not 1.0"),
        (lambda: Recurrent("gru", 2, 3, rest="after"), "did you mean 'reset'"),
        (lambda: Recurrent("gru", 2, 3, reset="afer"), "did you mean 'after'"),
        (lambda: Recurrent("gru", 2, 3, kernel="atn"), "did you mean 'aten'"),
        (lambda: Recurrent("gru", 2, 3, kernel="aten", reset="before")(torch.ones(1, 1, 2)), "cannot run GRU"),
        (lambda: Recurrent("gru", 2, 3)(torch.ones(1, 1, 3)), r"input must be \(batch, time >= 1, 2\)"),
        (lambda: Recurrent("gru", 2, 3)(torch.ones(1, 4, 2), [5]), "between 0 and the 4 steps"),
        (lambda: Recurrent("gru", 2, 3)(torch.ones(1, 4, 2), [1, 2]), "one number for each of 1"),
        (lambda: Recurrent("gru", 2, 3, bidirectional=True).step(torch.ones(1, 2)), "cannot step"),
        (lambda: Recurrent.from_torch(nn.Linear(4, 4)), "takes nn.RNN, nn.LSTM or nn.GRU, not Linear"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(make, message):
    with pytest.raises(UsageError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_the_environment_chooses_the_kernel(monkeypatch):
    monkeypatch.setenv("SEQKIT_KERNELS", "refrence")
    with pytest.raises(UsageError, match="did you mean 'reference'"):
        Recurrent("gru", 2, 3)


def test_its_text_names_the_options_that_differ_from_the_defaults():
    plain = Recurrent("gru", 3, 4, 2)
    other = Recurrent("gru", 3, 4, 2, residual=True, weight_dropout=0.5, learned_state=True)
    common = "GRU(reset='after'), input_size=3, hidden_size=4, num_layers=2, bidirectional=False, dropout=0.0"
    assert plain.extra_repr() == common
    assert other.extra_repr() == f"{common}, weight_dropout=0.5, residual=True, learned_state=True"
