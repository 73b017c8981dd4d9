"""A drop-in computes what torch's module computes, whatever is done to it."""

import copy
import io
import pickle
import warnings

import pytest
import torch
from torch import fx
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import pack_sequence

from seqkit import nn
from seqkit.nn.worth import worth_a_step

STEPS, BATCH, INPUTS, HIDDEN = 7, 3, 5, 20
LENGTHS = (4, 7, 2)
KINDS = ("RNN", "LSTM", "GRU")
CELLS = ("RNNCell", "LSTMCell", "GRUCell")


def pair_of(kind, *sizes, **options):
    """Torch's module and ours with the same weights."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind)(*(sizes or (INPUTS, HIDDEN)), **options)
    mine = getattr(nn, kind)(*(sizes or (INPUTS, HIDDEN)), **options)
    mine.load_state_dict(theirs.state_dict())
    return theirs, mine


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return [value.data]
    return [tensor for part in value for tensor in tensors_in(part)]


def numbers(*shape):
    count = torch.Size(shape).numel()
    return torch.linspace(0, 40, count).sin().view(shape).requires_grad_()


def call_of(form, kind, layers, batch_first=False):
    """The arguments of a call in one of the forms, and the tensors in them."""
    x, states = (
        numbers(STEPS, BATCH, INPUTS),
        [numbers(layers, BATCH, HIDDEN).mul(0.5).detach().requires_grad_() for _ in range(2)],
    )
    leaves = [x, *states] if kind == "LSTM" else [x, states[0]]
    if form == "one":
        given, states = x[:, 0], [state[:, 0] for state in states]
    elif form == "packed":
        given = pack_sequence([x[:length, n] for n, length in enumerate(LENGTHS)], enforce_sorted=False)
    else:
        given = x.transpose(0, 1) if batch_first else x
    return (given, tuple(states) if kind == "LSTM" else states[0]), leaves


def outcome(module, arguments, leaves):
    """Outputs and all gradients, with the same draws of dropout."""
    torch.manual_seed(1)
    out = tensors_in(module(*arguments))
    total = sum((tensor * numbers(*tensor.shape)).sum() for tensor in out)
    return out + list(torch.autograd.grad(total, [*leaves, *module.parameters()]))


def assert_equal(found, expected):
    # Sums of less than a thousand products of about one, in another order.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ["many", "one", "packed"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_first": True, "bias": False},
        {"num_layers": 2, "bidirectional": True},
        {"num_layers": 3, "dropout": 0.4},
        {"num_layers": 2, "dropout": 0.4, "batch_first": True, "bidirectional": True},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_all_options_and_forms_give_torchs_values_gradients_and_dropout(ours, kind, options, form):
    theirs, mine = pair_of(kind, **options)
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    calls = [call_of(form, kind, layers, options.get("batch_first", False)) for _ in range(2)]
    assert_equal(outcome(mine, *calls[0]), outcome(theirs, *calls[1]))
    arguments = calls[0][0]
    with torch.no_grad():
        for given in (arguments, arguments[:1]):
            found = [tensors_in(module(*given)) for module in (mine.eval(), theirs.eval())]
            assert_equal(*found)
    assert len(ours) == 3


@pytest.mark.parametrize("kind", CELLS)
def test_cells_give_torchs_values_and_gradients(ours, kind):
    for bias in (True, False):
        theirs, mine = pair_of(kind, bias=bias)
        x, states = (
            numbers(BATCH, INPUTS),
            [numbers(BATCH, HIDDEN), numbers(BATCH, HIDDEN).detach().mul(0.5).requires_grad_()],
        )
        hx, leaves = (tuple(states), [x, *states]) if kind == "LSTMCell" else (states[0], [x, states[0]])
        assert_equal(outcome(mine, (x, hx), leaves), outcome(theirs, (x, hx), leaves))
        with torch.no_grad():
            for given in ((x, hx), (x,)):
                assert_equal(tensors_in(mine(*given)), tensors_in(theirs(*given)))
    assert len(ours) == 6


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"num_layers": 2, "bidirectional": True, "dropout": 0.4}])
@pytest.mark.parametrize("kind", KINDS)
def test_a_single_step_of_a_layer_is_torchs(ours, kind, options):
    theirs, mine = pair_of(kind, **options)
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    for packed in (False, True):
        found = []
        for module in (mine, theirs):
            (x, states), leaves = call_of("many", kind, layers)
            found.append([])
            for rest, given in (((states,), leaves), ((), leaves[:1])):
                step = pack_sequence(list(x[:1].transpose(0, 1))) if packed else x[:1]
                found[-1].extend(outcome(module, (step, *rest), given))
        assert_equal(*found)
    assert len(ours) == 4


@pytest.mark.parametrize("kind", CELLS)
def test_second_derivatives_of_a_cell_and_gradients_of_several_outputs_at_once_are_torchs(ours, kind):
    found = []
    for module in pair_of(kind):
        x, h, c = numbers(BATCH, INPUTS), numbers(BATCH, HIDDEN), numbers(BATCH, HIDDEN)
        leaves = [x, h, c, *module.parameters()] if kind == "LSTMCell" else [x, h, *module.parameters()]
        out = tensors_in(module(x, (h, c) if kind == "LSTMCell" else h))[0]
        first = torch.autograd.grad(out.square().sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(each.square().sum() for each in first), leaves, retain_graph=True)
        each = numbers(3, *out.shape).detach()
        found.append([*first, *second, *torch.autograd.grad(out, leaves, each, is_grads_batched=True)])
    assert_equal(*found)
    assert len(ours) == 1


@pytest.mark.parametrize("kind", CELLS)
def test_each_of_a_cells_arguments_alone_gets_its_gradient(ours, kind):
    theirs, mine = pair_of(kind)
    states = [numbers(BATCH, HIDDEN), numbers(BATCH, HIDDEN)][: 2 if kind == "LSTMCell" else 1]
    for number in range(len(states) + 5):
        found = []
        for module in (mine, theirs):
            leaves = [numbers(BATCH, INPUTS), *states, *module.parameters()]
            for n, leaf in enumerate(leaves):
                leaf.requires_grad_(n == number)
            out = tensors_in(module(leaves[0], tuple(states) if kind == "LSTMCell" else states[0]))
            out[-1].square().sum().backward()
            assert all(leaf.grad is None for n, leaf in enumerate(leaves) if n != number)
            found.append(leaves[number].grad)
            for leaf in leaves:
                leaf.grad = None
        assert_equal(*found)
    assert len(ours) == len(states) + 5


def test_the_states_of_a_step_may_be_changed_in_place(ours):
    found = []
    for module in pair_of("GRU"):
        h, total = None, 0
        for x in numbers(STEPS, 1, BATCH, INPUTS):
            out, h = module(x, h)
            h = h.clone() if isinstance(module, nn.GRU) is False else h  # torch's has its output's memory
            h[:, 0] = 0
            total = total + out.square().sum() + h.sum()
        found.append(torch.autograd.grad(total, list(module.parameters())))
    assert_equal(*found)


def test_steps_in_which_nothing_is_gained_go_to_torch():
    gates, small, large = {"RNN": 1, "LSTM": 4, "GRU": 3}, 2 * 64 * 64, 2 * 1024 * 1024
    learned = [kind for kind, count in gates.items() if worth_a_step(8, count * small, count, True)]
    assert learned == ["LSTM", "GRU"]
    assert not worth_a_step(8, 3 * large, 3, True)
    assert not worth_a_step(8, 3 * large, 3, False)


def test_small_calls_go_to_torch_because_it_is_faster_there(monkeypatch):
    _, mine = pair_of("GRU")
    monkeypatch.setattr("seqkit.nn.modules.Stack.run", None)  # cannot be called
    with torch.no_grad():
        mine(numbers(1, 1, INPUTS))
    with pytest.raises(TypeError):
        mine(numbers(40, 8, INPUTS))


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.weight_hh_l0.data.mul_(0.5),
        lambda m: m.bias_hh_l0.detach().numpy().fill(0.3),
        lambda m: setattr(m, "weight_ih_l0", torch.nn.Parameter(m.weight_ih_l0.detach() * 2)),
        lambda m: m.load_state_dict({k: v + 0.1 for k, v in m.state_dict().items()}),
        lambda m: m.weight_ih_l0.untyped_storage().copy_((m.weight_ih_l0 * 3).untyped_storage()),
        lambda m: parametrizations.weight_norm(m, "weight_hh_l0"),
        lambda m: parametrizations.orthogonal(m, "weight_hh_l0"),
        lambda m: prune.l1_unstructured(m, "weight_ih_l0", 0.5),
    ],
    ids=["data", "numpy", "setattr", "load", "storage", "weight_norm", "orthogonal", "prune"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_call_has_the_weights_that_are_there(ours, kind, edit):
    theirs, mine = pair_of(kind)
    x = numbers(STEPS, BATCH, INPUTS).detach()
    with torch.no_grad():
        mine(x), theirs(x)
        for module in (mine, theirs):
            torch.manual_seed(2)
            edit(module)
        before = len(ours)
        assert_equal(tensors_in(mine(x)), tensors_in(theirs(x)))
    out, expected = (tensors_in(module(x)) for module in (mine, theirs))
    assert_equal(out, expected)
    assert len(ours) == before + 2


def test_parameters_of_functional_calls_serve_and_learn(ours):
    theirs, mine = pair_of("GRU")
    x = numbers(STEPS, BATCH, INPUTS).detach()
    found = []
    for module in (mine, theirs):
        other = {name: (value.detach() * 2).requires_grad_() for name, value in module.named_parameters()}
        out, _ = torch.func.functional_call(module, other, (x,))
        found.append([out, *torch.autograd.grad(out.square().sum(), list(other.values()))])
    assert_equal(*found)
    assert len(ours) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_are_torchs(ours, kind):
    found = []
    for module in pair_of(kind, bidirectional=True):
        (x, states), leaves = call_of("packed", kind, 2)
        out = module(x, states)[0].data
        first = torch.autograd.grad(out.square().sum(), leaves, create_graph=True)
        total = sum(each.square().sum() for each in first)
        found.append([*first, *torch.autograd.grad(total, [*leaves, *module.parameters()], allow_unused=True)])
    for one, other in zip(*found, strict=True):
        assert_equal(one, other)
    assert len(ours) == 1


@pytest.mark.parametrize("form", ["many", "packed"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_several_outputs_at_once_are_torchs(ours, kind, form):
    found = []
    for module in pair_of(kind, bidirectional=True):
        arguments, leaves = call_of(form, kind, 2)
        out = tensors_in(module(*arguments))[0]
        wanted = [*leaves, *module.parameters()]
        each = numbers(3, *out.shape).detach()
        found.append(list(torch.autograd.grad(out, wanted, each, is_grads_batched=True)))
    assert_equal(*found)
    assert len(ours) == 1


def test_gradients_of_a_state_alone_and_of_an_output_alone(ours):
    for take in (lambda out, h, c: c.sum(), lambda out, h, c: h.sum(), lambda out, h, c: out.sum()):
        found = []
        for module in pair_of("LSTM"):
            out, (h, c) = module(numbers(STEPS, BATCH, INPUTS))
            found.append(torch.autograd.grad(take(out, h, c), list(module.parameters())))
        assert_equal(*found)


def test_outputs_and_states_may_be_changed_in_place(ours):
    theirs, mine = pair_of("LSTM")
    out, (h, c) = theirs(numbers(STEPS, BATCH, INPUTS))  # whose output may not
    expected = torch.autograd.grad(out.relu().sum() + h[:, 1:].sum() + 2 * c.sum(), list(theirs.parameters()))
    out, (h, c) = mine(numbers(STEPS, BATCH, INPUTS))
    h[:, 0] = 0
    total = out.relu_().sum() + h.sum() + c.mul_(2).sum()
    assert_equal(torch.autograd.grad(total, list(mine.parameters())), expected)


def test_frozen_weights_get_no_gradient(ours):
    for module in pair_of("GRU"):
        module.weight_hh_l0.requires_grad_(False)
        module(numbers(STEPS, BATCH, INPUTS))[0].sum().backward()
        assert module.weight_hh_l0.grad is None
        assert module.weight_ih_l0.grad is not None
        assert module.bias_ih_l0.grad.data_ptr() != module.bias_hh_l0.grad.data_ptr()


def test_each_batch_may_be_empty_or_a_whole_one(ours):
    theirs, mine = pair_of("GRU")
    assert mine(torch.zeros(STEPS, 0, INPUTS))[0].shape == theirs(torch.zeros(STEPS, 0, INPUTS))[0].shape
    for module in (theirs, mine):
        with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0"):
            module(torch.zeros(0, BATCH, INPUTS))
    assert not ours


def with_autocast(module, x):
    with torch.autocast("cpu", torch.bfloat16):
        return module(x)


def export(module, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own attributes
        return torch.export.export(module, (x,)).module()(x)


@pytest.mark.parametrize(
    "run",
    [
        lambda m, x: copy.deepcopy(m).double()(x.double()),
        lambda m, x: copy.deepcopy(m).bfloat16()(x.bfloat16()),
        with_autocast,
        lambda m, x: torch.func.grad(lambda y: m(y)[0].sum())(x),
        lambda m, x: fx.symbolic_trace(torch.nn.Sequential(m))(x),
        export,
    ],
    ids=["double", "bfloat16", "autocast", "grad", "fx", "export"],
)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_what_our_kernels_do_not_run_is_correct_too(kind, run):
    theirs, mine = pair_of(kind)
    x = numbers(STEPS, 24, INPUTS).detach()
    try:
        expected = tensors_in(run(theirs, x))
    except RuntimeError as error:  # torch has no LSTM in bfloat16 for processors without AVX-512
        with pytest.raises(RuntimeError, match=str(error)[:40]):
            run(mine, x)
        return
    assert_equal(tensors_in(run(mine, x)), expected)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_forward_mode_is_torchs(ours):
    theirs, mine = pair_of("GRU")  # torch has none for an LSTM
    x = numbers(STEPS, BATCH, INPUTS).detach()
    found = [torch.func.jvp(lambda y, m=module: m(y)[0], (x,), (x,)) for module in (mine, theirs)]
    assert_equal(*found)
    assert not ours


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_scripting_takes_torchs_module(ours):
    theirs, mine = pair_of("GRU")
    x = numbers(STEPS, BATCH, INPUTS).detach()
    assert_equal(tensors_in(torch.jit.script(torch.nn.Sequential(mine))(x)), tensors_in(theirs(x)))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_projections_run_through_torch_until_their_cell_is_compiled(ours):
    theirs, mine = pair_of("LSTM", proj_size=4)
    x = numbers(STEPS, BATCH, INPUTS)
    assert_equal(tensors_in(mine(x)), tensors_in(theirs(x)))
    assert not ours


def test_modules_can_be_copied_pickled_and_saved(ours):
    _, mine = pair_of("LSTM", num_layers=2)
    x = numbers(STEPS, BATCH, INPUTS).detach()
    with torch.no_grad():
        expected = mine(x)
        buffer = io.BytesIO()
        torch.save(mine, buffer)
        assert buffer.tell() < 4 * sum(p.numel() for p in mine.parameters()) + 20_000  # and no packed copies
        buffer.seek(0)
        for other in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine)), torch.load(buffer, weights_only=False)):
            assert isinstance(other, nn.LSTM)
            torch.testing.assert_close(other(x), expected, rtol=0, atol=0)


def test_torchs_names_are_all_there():
    theirs, mine = pair_of("LSTM", bidirectional=True)
    assert isinstance(mine, torch.nn.LSTM)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert [len(group) for group in mine.all_weights] == [4, 4]
    mine.flatten_parameters()
    assert repr(mine) == repr(theirs)


def test_the_environment_can_turn_our_kernels_off(ours, monkeypatch):
    _, mine = pair_of("GRU")
    monkeypatch.setenv("SEQKIT_KERNELS", "torch")
    mine(numbers(STEPS, BATCH, INPUTS))
    assert not ours
