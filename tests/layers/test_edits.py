"""A layer answers with the weights that it has now, however they were changed, and whatever stands in for them."""

import copy
import itertools
import pickle

import numpy
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from seqkit import Recurrent
from seqkit.cells.rnn import RNN
from seqkit.errors import UsageError
from seqkit.kernels import ensure
from seqkit.kernels.plan import plan
from seqkit.layers import State
from seqkit.layers.crf import CRF
from seqkit.layers.direction import Direction
from seqkit.machine import quota_of_cgroups

X = torch.linspace(-1, 1, 3 * 5 * 8).view(3, 5, 8)


def layer_of(cell="gru", seed=0, **options):
    torch.manual_seed(seed)
    return Recurrent(cell, 8, 16, **options).eval()


def assert_equals_the_reference(layer):
    """Calls of one row and of several, of few steps and of more, and steps of one, a few and many rows."""
    # Some tests make weights large, and rounding errors grow from step to step.
    with torch.no_grad():
        for x in (X[:1], X[:1].repeat(1, 2, 1), X.repeat(7, 1, 1), X):
            out, state = layer(x)
            expected, last = layer(x, kernel="reference")
            torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(dict(state), dict(last), rtol=1e-5, atol=1e-5)
            if not layer.bidirectional:
                stepped = layer.step(x[:, 0])[0]
                torch.testing.assert_close(stepped, expected[:, 0], rtol=1e-5, atol=1e-5)
    return out


def by_data(layer):
    for parameter in layer.parameters():
        parameter.data.mul_(0.5)


def by_numpy(layer):
    layer.layers[0][0].weight_h.detach().numpy()[:] *= -1


def by_storage(layer):
    weight = layer.layers[0][0].weight_x
    weight.untyped_storage().copy_(torch.zeros_like(weight).untyped_storage())


def by_one_number(layer):
    layer.layers[-1][0].bias.data[7] += 1


def by_swapped_rows(layer):
    weight = layer.layers[0][0].weight_h.data
    weight.copy_(weight.roll(8, 0))


def by_signs(layer):
    layer.layers[0][0].weight_x.data[:, ::2].neg_()


def by_reused_buffer(layer):
    vector = nn.utils.parameters_to_vector(layer.parameters()).detach()
    nn.utils.vector_to_parameters(vector, layer.parameters())
    assert_equals_the_reference(layer)
    vector.mul_(2)


EDITS = [by_data, by_numpy, by_storage, by_one_number, by_swapped_rows, by_signs, by_reused_buffer]


@pytest.mark.parametrize("words", [1, 2, 16])
def test_the_smallest_edits_show_in_a_fingerprint(words):
    if not ensure(print):
        pytest.skip("the native kernels cannot be built here")
    fingerprint = torch.ops.seqkit.fingerprint
    weight = torch.randn(1000, 33, generator=torch.Generator().manual_seed(0))
    before, bits = fingerprint([weight]), weight.view(torch.int32).view(-1)
    for bit in range(32):
        for start in (0, 1, 5000, len(bits) - 129 * words):
            # Words 128 apart are of one chain: those are the edits that could make up for each other.
            edited = bits.clone()
            edited[start::128][:words] ^= 1 << bit if bit < 31 else -(2**31)
            assert not torch.equal(fingerprint([edited.view(torch.float32).view(1000, 33)]), before)
    assert torch.equal(fingerprint([weight.t().contiguous().t()]), before)
    assert not torch.equal(fingerprint([weight.view(33, 1000)]), before)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}], ids=str)
def test_any_edit_of_a_weight_shows_in_the_next_call_and_step(edit, options):
    layer = layer_of(**options)
    before = assert_equals_the_reference(layer)
    edit(layer)
    assert not torch.allclose(assert_equals_the_reference(layer), before)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "lstm-peephole", "lstm-coupled", "lstm-layer-norm", "gru"])
@pytest.mark.parametrize("hidden", [16, 20, 48])
def test_one_sequence_from_weights_as_they_lie_equals_the_reference(cell, hidden):
    torch.manual_seed(hidden)
    layer = Recurrent(cell, 5, hidden, num_layers=2, bidirectional=True).eval()
    # To normalize enlarges what single precision rounds, step after step: where the reference is off by 2e-4 from one
    # in double precision, ours is by 5e-5.
    close = {"rtol": 1e-5, "atol": 5e-4 if cell == "lstm-layer-norm" else 2e-6}
    for steps in (1, 3, 150):  # few rows of input, many, and more than are multiplied at a time
        x, start = torch.randn(1, steps, 5), layer.initial_state(1).map(torch.randn_like)
        with torch.no_grad():
            ours, expected = layer(x, None, start), layer(x, None, start, kernel="reference")
        torch.testing.assert_close(ours[0], expected[0], **close)
        torch.testing.assert_close(dict(ours[1]), dict(expected[1]), **close)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru-before"])
@pytest.mark.parametrize(("inputs", "hidden"), [(3, 16), (5, 20), (8, 50), (33, 64)])
def test_steps_of_any_number_of_sequences_equal_the_reference(cell, inputs, hidden):
    """Groups of 16, 8, 4 and single rows are multiplied in ways of their own where weights are read as they lie."""
    torch.manual_seed(hidden)
    options = {"reset": "before"} if cell == "gru-before" else {}
    layer = Recurrent(cell.removesuffix("-before"), inputs, hidden, num_layers=2, **options).eval()
    for rows in (1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 28, 32, 33):
        x, start = torch.randn(rows, inputs), layer.initial_state(rows).map(torch.randn_like)
        with torch.no_grad():
            out, state = layer.step(x, start)
            expected, last = layer(x.unsqueeze(1), None, start, kernel="reference")
        torch.testing.assert_close(out, expected.squeeze(1), rtol=1e-5, atol=2e-6)
        torch.testing.assert_close(dict(state), dict(last), rtol=1e-5, atol=2e-6)


def test_weights_that_stand_still_are_compared_once_and_again_afterwards():
    """An edit inside breaks the promise: that it goes unnoticed shows that nothing is compared."""
    layer = layer_of(num_layers=2)
    by_data(layer)
    with torch.no_grad():
        before = layer.step(X[:1, 0])[0], layer.step(X[:, 0])[0], layer(X)[0]
        by_data(layer)
        with layer.weights_stand_still():
            inside = layer.step(X[:1, 0])[0], layer.step(X[:, 0])[0], layer(X)[0]
            by_data(layer)
            again = layer.step(X[:1, 0])[0], layer.step(X[:, 0])[0], layer(X)[0]
        by_data(layer)
        with layer.weights_stand_still():
            after = layer.step(X[:1, 0])[0], layer.step(X[:, 0])[0], layer(X)[0]
            expected = layer(X, kernel="reference")[0]
    torch.testing.assert_close(again, inside)
    assert not any(torch.allclose(a, b) for a, b in zip(before + inside, inside + after, strict=True))
    torch.testing.assert_close(after[2], expected, rtol=1e-5, atol=1e-6)
    assert_equals_the_reference(layer)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "lstm-layer-norm", "gru", "gru-before"])
def test_a_weight_that_is_not_finite_shows_in_calls_from_zeros(cell, value):
    """Their first recurrent product is one with zeros, which is zero only if all weights are finite."""
    options = {"reset": "before"} if cell == "gru-before" else {"nonlinearity": "relu"} if cell == "rnn" else {}
    layer, x = layer_of(cell.removesuffix("-before"), bidirectional=True, **options), X.repeat(2, 1, 1)
    calls = [(x[:1], None), (x[:1, :1], None), (x[:1, :2], None), (x, None), (x, torch.tensor([5, 1, 2, 0, 1, 3]))]
    weight = layer.layers[0][1].weight_h.data
    for row in (0, len(weight) // 2, len(weight) - 1):
        with torch.no_grad():
            finite = [layer(*call)[0] for call in calls]
            before, weight[row, 3] = weight[row, 3].clone(), value
            for call in calls:
                ours, expected = layer(*call)[0], layer(*call, kernel="reference")[0]
                torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4, equal_nan=True)
            weight[row, 3] = before
            torch.testing.assert_close([layer(*call)[0] for call in calls], finite)


@torch.no_grad()
def test_weights_that_were_swapped_or_assigned_or_lie_otherwise_are_those_that_run():
    layer = layer_of()
    before = assert_equals_the_reference(layer)
    weight = layer.layers[0][0].weight_h
    torch.utils.swap_tensors(weight, nn.Parameter(torch.randn_like(weight)))
    swapped = assert_equals_the_reference(layer)
    assigned = {name: value / 2 for name, value in layer.state_dict().items()}
    layer.load_state_dict(assigned, assign=True)
    halved = assert_equals_the_reference(layer)
    for value in assigned.values():
        value.mul_(-1)
    negated = assert_equals_the_reference(layer)
    direction = layer.layers[0][0]
    direction.weight_h.data = direction.weight_h.data.t().contiguous().t()
    direction.weight_x.data = torch.randn(96, 8)[::2]
    strided = assert_equals_the_reference(layer)
    direction.weight_h.data = torch.linspace(-0.2, 0.2, 48).unsqueeze(1).expand(48, 16)
    results = [before, swapped, halved, negated, strided, assert_equals_the_reference(layer)]
    assert not any(torch.allclose(one, next) for one, next in itertools.pairwise(results))


def test_a_call_with_other_weights_leaves_the_layer_its_own():
    layer = layer_of()
    before = assert_equals_the_reference(layer)
    others = {name: (value / 2).detach().requires_grad_() for name, value in layer.named_parameters()}
    with torch.no_grad():
        called = torch.func.functional_call(layer, others, (X,))[0]
    assert torch.equal(assert_equals_the_reference(layer), before)
    torch.func.functional_call(layer, others, (X,))[0].sum().backward()
    assert all(value.grad is not None for value in others.values())
    assert all(value.grad is None for value in layer.parameters())
    by_data(layer)
    torch.testing.assert_close(assert_equals_the_reference(layer), called)


def test_hooks_of_layers_directions_and_weights_are_called():
    layer = layer_of()
    plain = layer(X)[0].detach()
    double = layer.register_forward_pre_hook(lambda module, given: (2 * given[0], *given[1:]))
    torch.testing.assert_close(layer(X / 2)[0], plain)
    double.remove()
    halve = layer.layers[0][0].register_forward_hook(
        lambda module, given, weights: weights._replace(weight_h=weights.weight_h / 2)
    )
    halved = assert_equals_the_reference(layer)
    halve.remove()
    torch.testing.assert_close(assert_equals_the_reference(layer), plain)
    layer.layers[0][0].weight_h.data.mul_(0.5)
    torch.testing.assert_close(assert_equals_the_reference(layer), halved)
    layer.layers[0][0].bias.register_hook(torch.zeros_like)
    layer(X)[0].sum().backward()
    assert layer.layers[0][0].bias.grad.abs().sum() == 0 < layer.layers[0][0].weight_x.grad.abs().sum()


@pytest.mark.parametrize(
    "edit",
    [lambda layer: setattr(layer, "cell", RNN("relu")), lambda layer: setattr(layer.cell, "nonlinearity", "relu")],
)
def test_a_layer_runs_the_cell_that_it_has_now(edit):
    layer = layer_of("rnn")
    before = assert_equals_the_reference(layer)
    edit(layer)
    after = assert_equals_the_reference(layer)
    assert after.min() >= 0 > before.min()


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", ["weight_x", "weight_h", "bias", "bias_h"])
@pytest.mark.parametrize("kind", [torch.float64, "meta"], ids=str)
def test_one_weight_of_another_dtype_or_device_is_named(grad, name, kind):
    layer = layer_of()
    direction = layer.layers[0][0]
    setattr(direction, name, nn.Parameter(getattr(direction, name).detach().to(kind)))
    for call in (lambda: layer(X), lambda: layer(X[:1]), lambda: layer.step(X[:, 0]), lambda: layer.step(X[:1, 0])):
        with (
            torch.set_grad_enabled(grad),
            pytest.raises(UsageError, match=r"is float(64|32) on (cpu|meta), but weight_h is float"),
        ):
            call()


def test_a_saved_state_is_loaded_without_leave_to_run_code(tmp_path):
    _, state = layer_of("lstm")(X)
    torch.save({"state": state}, tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)["state"]
    assert isinstance(loaded, State)
    torch.testing.assert_close(dict(loaded), dict(state))


def test_lengths_may_be_an_array_that_is_read_backwards():
    layer, backwards = layer_of(), numpy.array([0, 2, 5])[::-1]
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            assert torch.equal(layer(X, backwards)[0], layer(X, [5, 2, 0])[0])


class _First(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = layer_of()

    def forward(self, x):
        return self.layer(x)[0]


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:DeprecationWarning")
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("x", [X, X[:1]], ids=["several", "one"])
def test_recorders_that_would_take_lengths_for_constants_are_refused(grad, x):
    with torch.set_grad_enabled(grad):
        with pytest.raises(UsageError, match=r"torch.jit.trace cannot record a recurrent layer.*use torch.export"):
            torch.jit.trace(_First(), x)
        with pytest.raises(UsageError, match=r"torch.fx cannot record a recurrent layer"):
            torch.fx.symbolic_trace(_First())


def test_an_ensemble_of_layers_runs_and_learns_under_vmap():
    layers = [layer_of(seed=seed) for seed in (0, 1)]
    stacked, buffers = torch.func.stack_module_state(layers)
    shape = copy.deepcopy(layers[0]).to("meta")

    def outputs(parameters):
        def call(each, own):
            return torch.func.functional_call(shape, (each, own), (X,))[0]

        return torch.func.vmap(call)(parameters, buffers)

    gradients = torch.func.grad(lambda parameters: outputs(parameters).square().sum())(stacked)
    for number, (layer, out) in enumerate(zip(layers, outputs(stacked), strict=True)):
        torch.testing.assert_close(out, layer(X)[0], rtol=1e-5, atol=1e-6)
        layer(X)[0].square().sum().backward()
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(gradients[name][number], parameter.grad, rtol=1e-4, atol=1e-5)


def test_copies_of_a_warm_layer_are_as_large_as_of_a_cold_one_and_on_their_own():
    layer = layer_of()
    cold = len(pickle.dumps(layer))
    assert_equals_the_reference(layer)
    assert len(pickle.dumps(layer)) == cold
    other = copy.deepcopy(layer)
    by_data(other)
    assert not torch.allclose(assert_equals_the_reference(other), assert_equals_the_reference(layer))


def test_a_layer_runs_the_submodules_that_it_has_now():
    first, second = layer_of(seed=1, num_layers=2), layer_of(seed=2, num_layers=2)
    second.layers[0][0] = first.layers[0][0]
    second.layers[1][0] = first.layers[1][0]
    torch.testing.assert_close(second(X)[0], first(X)[0])
    second(X)[0].sum().backward()
    assert first.layers[0][0].weight_h.grad.abs().sum() > 0
    torch.testing.assert_close(second.to_torch()(X)[0], first(X)[0], rtol=1e-5, atol=1e-6)
    del second.layers[1]
    assert second.num_layers == 1 and second(X)[1].h.shape == (3, 1, 16)
    assert_equals_the_reference(second)


@pytest.mark.parametrize("grad", [False, True])
def test_layers_and_directions_that_were_taken_away_are_missed(grad):
    layer, empty = layer_of(bidirectional=True), layer_of()
    del layer.layers[0][1]
    empty.layers = nn.ModuleList()
    with torch.set_grad_enabled(grad):
        with pytest.raises(UsageError, match=r"layers\[0\] must have 2 directions, not 1"):
            layer(X)
        for call in (lambda: empty(X), lambda: empty.step(X[:, 0])):
            with pytest.raises(UsageError, match="has no layers left"):
                call()


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", ["bias", "bias_h"])
@pytest.mark.parametrize("value", [None, torch.ones(20)])
def test_a_bias_that_does_not_fit_is_refused(grad, name, value):
    layer = layer_of()
    setattr(layer.layers[0][0], name, value if value is None else nn.Parameter(value))
    for call in (lambda: layer(X), lambda: layer(X[:1]), lambda: layer.step(X[:, 0])):
        with torch.set_grad_enabled(grad), pytest.raises(UsageError, match=rf"{name} in layers\[0\] is .*, but this"):
            call()


@pytest.mark.parametrize("grad", [False, True])
def test_numbers_are_never_made_of_tensors_that_have_none(grad):
    shapes, layer = Recurrent("gru", 8, 16, device="meta"), layer_of()
    elsewhere = State({"h": torch.zeros(3, 1, 16, device="meta")})
    with torch.set_grad_enabled(grad):
        for x in (X, X[:1]):
            with pytest.raises(UsageError, match="input is on cpu, but the layer's weights are on meta"):
                shapes(x)
            with pytest.raises(UsageError, match="input is on meta, but the layer's weights are on cpu"):
                layer(x.to("meta"))
        with pytest.raises(UsageError, match="state 'h' is on meta, but the layer's weights are on cpu"):
            layer(X, None, elsewhere)
        assert shapes(X.to("meta"))[0].is_meta


@torch.no_grad()
def test_hooks_of_a_direction_are_called_once_a_call():
    layer, calls = layer_of(), []
    layer.layers[0][0].register_forward_pre_hook(lambda module, given: calls.append(1))
    for count, call in enumerate((layer, layer, lambda x: layer.step(x[:1, 0]), lambda x: layer.step(x[:, 0])), 1):
        call(X.repeat(9, 1, 1))
        assert len(calls) == count


def test_a_submodule_that_does_not_fit_is_refused():
    layer = layer_of()
    layer.layers[0][0] = Direction(layer.cell, 8, 17)
    with pytest.raises(UsageError, match=r"weights in layers\[0\] are \(51, 8\) and \(51, 17\)"):
        layer(X)
    layer.layers[0][0] = nn.Linear(8, 16)
    with pytest.raises((UsageError, TypeError)):
        layer(X)


class WeightDrop(nn.Module):
    """As in AWD-LSTM: keeps the raw weight and puts another in its place at each call."""

    def __init__(self, module, name):
        super().__init__()
        self.module, self.name = module, name
        raw = getattr(module, name)
        del module._parameters[name]
        self.register_parameter(f"{name}_raw", nn.Parameter(raw.data))

    def forward(self, *given):
        setattr(self.module, self.name, getattr(self, f"{self.name}_raw") * 0.5)
        return self.module.forward(*given)


class LowRank(nn.Module):
    def __init__(self, rows, columns):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(rows, 2)), nn.Parameter(torch.randn(2, columns))

    def forward(self, weight):
        return weight + self.a @ self.b


def pruned(layer):
    prune.l1_unstructured(layer.layers[0][0], "weight_h", 0.5)


def low_rank(layer):
    nn.utils.parametrize.register_parametrization(layer.layers[0][0], "weight_x", LowRank(48, 8))


def dropped(layer):
    layer.layers[0][0] = WeightDrop(layer.layers[0][0], "weight_h")


@pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning")
@pytest.mark.parametrize(
    "change",
    [
        pruned,
        low_rank,
        dropped,
        lambda layer: parametrizations.weight_norm(layer.layers[0][0], "weight_h"),
        lambda layer: parametrizations.spectral_norm(layer.layers[0][0], "weight_h"),
        lambda layer: parametrizations.orthogonal(layer.layers[0][0], "weight_h"),
        lambda layer: nn.utils.weight_norm(layer.layers[0][0], "weight_h"),
        lambda layer: nn.utils.spectral_norm(layer.layers[0][0], "weight_h"),
    ],
)
def test_parametrized_weights_are_those_that_run_and_their_parameters_get_gradients(change):
    layer = layer_of()
    change(layer)
    before = assert_equals_the_reference(layer)
    layer(X)[0].sum().backward()
    missing = [name for name, parameter in layer.named_parameters() if parameter.grad is None]
    assert not missing
    by_data(layer)
    torch.nn.init.uniform_(next(layer.parameters()).data, -1, 1)
    assert not torch.allclose(assert_equals_the_reference(layer), before)


def test_a_state_is_a_container_that_torch_knows():
    state = State({"h": torch.ones(2, 1, 3), "c": torch.zeros(2, 1, 3)})
    doubled = torch.utils._pytree.tree_map(lambda t: 2 * t, (state, 1))[0]
    assert isinstance(doubled, State) and torch.equal(doubled.h, 2 * state.h)
    assert torch.equal(pickle.loads(pickle.dumps(state)).h, copy.deepcopy(state).h)
    with pytest.raises(TypeError, match="keeps the tensors"):
        state["h"] = state.c
    with pytest.raises(AttributeError, match="this state has h, c, not 'z'"):
        _ = state.z


def test_transforms_give_the_gradients_of_the_reference():
    layer = layer_of("lstm").train()
    parameters = dict(layer.named_parameters())

    def loss(weights, x):
        return torch.func.functional_call(layer, weights, (x,))[0].square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, X.unsqueeze(1))
    for row in range(3):
        layer.zero_grad()
        layer(X[row : row + 1])[0].square().sum().backward()
        for name, parameter in parameters.items():
            torch.testing.assert_close(each[name][row], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_forward_derivatives_of_a_frozen_layer_are_those_of_finite_differences():
    layer = layer_of("gru").double().requires_grad_(False)
    x, tangent = X.double(), torch.ones_like(X.double())
    _, slope = torch.func.jvp(lambda x: layer(x)[0], (x,), (tangent,))
    difference = (layer(x + 1e-6 * tangent)[0] - layer(x - 1e-6 * tangent)[0]) / 2e-6
    torch.testing.assert_close(slope, difference, rtol=1e-6, atol=1e-8)
    single = layer.float()
    _, slope = torch.func.jvp(lambda x: single(x)[0], (X,), (torch.ones_like(X),))
    torch.testing.assert_close(slope.double(), difference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "lstm-layer-norm"])
def test_autocast_on_the_cpu_leaves_the_layer_in_its_own_dtype(cell):
    layer = layer_of(cell)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = nn.Linear(8, 8)(X)
        out, state = layer(rounded)
        again = layer(rounded, None, state.map(lambda t: t.bfloat16()))[0]
        out.sum().backward()
    torch.testing.assert_close(out, layer(rounded.float())[0])
    assert again.dtype == torch.float32
    with pytest.raises(UsageError, match="input is bfloat16, but the layer's weights are float32"):
        layer(X.bfloat16())


@pytest.mark.parametrize("grad", [False, True])
def test_weights_that_are_computed_are_not_rounded_by_autocast(grad):
    layer = layer_of()
    parametrizations.orthogonal(layer.layers[0][0], "weight_h", orthogonal_map="householder")
    nn.utils.parametrize.register_parametrization(layer.layers[0][0], "weight_x", _Product())
    with torch.set_grad_enabled(grad):
        expected = layer(X)[0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(layer(X)[0], expected)


class _Product(nn.Module):
    def forward(self, weight):
        return weight @ torch.eye(weight.shape[1])


def test_reset_parameters_draws_everything_anew():
    layer = layer_of("lstm-peephole")
    trained = {name: value.clone() for name, value in layer.state_dict().items()}
    by_data(layer)
    torch.manual_seed(0)
    layer.reset_parameters()
    for name, value in layer.state_dict().items():
        torch.testing.assert_close(value, trained[name])
    with torch.device("meta"):
        shapes = Recurrent("lstm-layer-norm", 8, 16)
    layer = shapes.to_empty(device="cpu")
    layer.reset_parameters()
    torch.manual_seed(0)
    assert all(value.isfinite().all() for value in layer.state_dict().values())
    fresh = dict(Recurrent("lstm-layer-norm", 8, 16).state_dict())
    own = [name for name in fresh if ".own." in name]
    assert own
    torch.testing.assert_close({name: layer.state_dict()[name] for name in own}, {name: fresh[name] for name in own})


@pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning")
@pytest.mark.parametrize(
    "change",
    [
        pruned,
        lambda layer: parametrizations.weight_norm(layer.layers[0][0], "weight_h"),
        lambda layer: parametrizations.orthogonal(layer.layers[0][0], "weight_h"),
        lambda layer: nn.utils.spectral_norm(layer.layers[0][0], "weight_h"),
    ],
)
def test_weights_that_are_computed_begin_anew_too(change):
    layer = layer_of()
    change(layer)
    before = layer(X)[0]
    torch.manual_seed(5)
    layer.reset_parameters()
    assert not torch.allclose(layer(X)[0], before, atol=1e-2)
    torch.testing.assert_close(layer(X)[0], layer(X, kernel="reference")[0], rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning")
def test_weights_that_nobody_knows_how_to_begin_anew_are_named():
    layer = layer_of()
    nn.utils.weight_norm(layer.layers[0][0], "weight_h")
    with pytest.raises(UsageError, match="weight_h is no parameter any more"):
        layer.reset_parameters()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_frozen_weights_stay_frozen_in_torchs_module_and_back(cell):
    layer = layer_of(cell)
    layer.layers[0][0].weight_h.requires_grad_(False)
    module = layer.to_torch()
    assert not module.weight_hh_l0.requires_grad and module.weight_ih_l0.requires_grad
    back = Recurrent.from_torch(module)
    assert [p.requires_grad for p in back.parameters()] == [p.requires_grad for p in layer.parameters()]


@pytest.mark.parametrize(
    ("x", "lengths", "state", "told"),
    [
        (X.numpy(), None, None, "input must be a tensor, not ndarray"),
        (X, [2.9, 5, 5], None, "lengths must be whole numbers, not float32"),
        (X, [True, False, True], None, "lengths must be whole numbers, not bool"),
        (X, [None, 5, 5], None, "lengths must be whole numbers, not .None, 5, 5"),
        (X, None, {"h": None}, r"state 'h' must be a tensor \(3, 1, 16\), not NoneType"),
        (X, None, {"h": [[1.0]]}, r"state 'h' must be a tensor \(3, 1, 16\), not list"),
        (X, "abc", None, "lengths must be whole numbers, not 'abc'"),
        (X, 5, None, "lengths must be whole numbers, not 5"),
        (X[:0], [1], None, r"one number for each of 0 sequences, not \(1,\)"),
        (X.to_sparse(), None, None, "input must be a dense tensor, and this one is of layout sparse_coo"),
        (X, torch.tensor([1, 1, 1], device="meta"), None, "lengths are on meta, where they have no values"),
        (X, None, {"h": torch.zeros(3, 1, 16).to_sparse()}, "state 'h' must be a dense tensor"),
        (X, None, torch.zeros(3, 1, 16), "state must be a State, not Tensor"),
        (X, None, State({"h": torch.zeros(3, 1, 16).double()}), "state 'h' is float64, but the layer's weights"),
    ],
)
def test_what_is_not_an_input_is_refused_in_a_sentence(x, lengths, state, told):
    for grad in (False, True):
        with torch.set_grad_enabled(grad), pytest.raises(UsageError, match=told):
            layer_of()(x, lengths, state)


def test_an_empty_batch_may_have_an_empty_list_of_lengths():
    out, state = layer_of()(X[:0], [])
    assert out.shape == (0, 5, 16) and state.h.shape == (0, 1, 16)


def test_the_gradient_of_each_sentence_of_a_crf_is_its_own():
    torch.manual_seed(0)
    crf = CRF(3, allowed=torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 1]]).bool())
    logits, targets = torch.randn(2, 4, 3), torch.tensor([[0, 1, 2, 0], [1, 1, 2, 2]])
    lengths = torch.tensor([4, 3])

    def loss(logits, targets, length):
        return crf.loss(logits.unsqueeze(0), targets.unsqueeze(0), length.unsqueeze(0))

    each = torch.func.vmap(torch.func.grad(loss))(logits, targets, lengths)
    logits.requires_grad_()
    crf.loss(logits, targets, lengths).backward()
    torch.testing.assert_close(each, logits.grad)


def test_a_team_is_never_larger_than_the_kernel_takes_nor_than_there_are_blocks(monkeypatch):
    for threads in (64, 65, 96, 128, 256):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        for hidden, most in ((64, 4), (512, 32), (2048, 64)):
            for batch in (1, 8, 1024):
                slices, team = plan(1, batch, hidden, 4)
                assert 1 <= team <= most and slices >= 1 and slices * team <= threads


def test_a_quota_of_a_container_is_found_in_both_versions_of_control_groups(tmp_path):
    groups = tmp_path / "cgroup"
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "a" / "b" / "cpu.max").write_text("max 100000\n")
    groups.write_text("0::/a/b\n")
    assert quota_of_cgroups(tmp_path, groups) == 1.5
    old = tmp_path / "cpu,cpuacct" / "docker"
    old.mkdir(parents=True)
    (old / "cpu.cfs_quota_us").write_text("400000\n")
    (old / "cpu.cfs_period_us").write_text("100000\n")
    groups.write_text("3:cpu,cpuacct:/docker\n1:memory:/a\n")
    assert quota_of_cgroups(tmp_path, groups) == 4
    groups.write_text("0::/elsewhere\n")
    assert quota_of_cgroups(tmp_path, groups) is None


@pytest.mark.parametrize("kernel", ["native", "reference"])
@pytest.mark.parametrize("grad", [False, True])
def test_a_row_of_a_carried_state_can_be_reset_in_place(kernel, grad):
    layer = layer_of("lstm", kernel=kernel)
    with torch.set_grad_enabled(grad):
        _, state = layer(X)
        expected, _ = layer(X, None, layer(X)[1].map(lambda t: t.index_fill(0, torch.tensor([1]), 0.0)))
        state.h[1] = 0
        state.c[1] = 0
        out, _ = layer(X, None, state)
        torch.testing.assert_close(out, expected)
        if grad:
            expected.sum().backward()
            first = [parameter.grad.clone() for parameter in layer.parameters()]
            layer.zero_grad()
            out.sum().backward()
            torch.testing.assert_close([parameter.grad for parameter in layer.parameters()], first)


def test_layers_are_made_where_and_as_they_are_requested():
    layer = Recurrent("gru", 8, 16, num_layers=2, dtype=torch.float64)
    assert {parameter.dtype for parameter in layer.parameters()} == {torch.float64}
    assert layer(X.double())[0].dtype == torch.float64
    meta = Recurrent("lstm-peephole", 8, 16, device="meta")
    assert all(parameter.is_meta for parameter in meta.parameters())
    torch.manual_seed(3)
    meta.to_empty(device="cpu").reset_parameters()
    torch.manual_seed(3)
    for one, other in zip(meta.parameters(), Recurrent("lstm-peephole", 8, 16).parameters(), strict=True):
        assert torch.equal(one, other)


class _Halved(nn.Module):
    def forward(self, weight):
        return weight / 2


@pytest.mark.parametrize("edit", ["data", "pruned", "pruned for good", "parametrized", "replaced"])
@torch.no_grad()
def test_a_step_reads_own_parameters_of_a_cell_as_they_are(edit):
    layer, x = Recurrent("lstm-peephole", 4, 6).eval(), torch.randn(1, 4)
    _, state = layer.step(x)
    own = layer.layers[0][0].own
    name = next(iter(own.keys()))
    if edit == "data":
        own[name].data.add_(1.0)
    elif edit == "parametrized":
        parametrize.register_parametrization(own, name, _Halved())
    elif edit == "replaced":
        own[name] = nn.Parameter(torch.randn_like(own[name]))
    else:
        prune.l1_unstructured(own, name, 0.5)
        if edit == "pruned for good":
            prune.remove(own, name)
    expected, _ = layer(x.unsqueeze(1), state=state, kernel="reference")
    torch.testing.assert_close(layer.step(x, state)[0], expected[:, 0])


@pytest.mark.parametrize("module", [nn.Linear(8, 16), nn.Identity(), nn.GRU(8, 16), nn.Sequential()])
def test_a_module_that_is_no_direction_is_refused(module):
    layer = Recurrent("gru", 8, 16)
    layer.layers[0][0] = module
    with pytest.raises(UsageError, match=f"{type(module).__name__} stands in for a direction"):
        layer(torch.randn(2, 5, 8))


def test_an_error_of_somebodys_own_direction_is_its_own():
    class Broken(nn.Module):
        def forward(self):
            return 1 + "a"

    layer = Recurrent("gru", 8, 16)
    layer.layers[0][0] = Broken()
    with pytest.raises(TypeError, match="unsupported operand"):
        layer(torch.randn(2, 5, 8))
