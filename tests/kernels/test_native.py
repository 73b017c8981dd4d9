"""The native kernels against the definition of each cell, at shapes that fill no vector and no block."""

import copy
import threading

import pytest
import torch

from seqkit import Recurrent
from seqkit.cells.lstm import LSTM
from seqkit.kernels import KERNELS, choose_kernel
from seqkit.kernels.layout import layer_of, pad_units, weights_of
from seqkit.kernels.library import ensure, multiplies_bf16
from seqkit.kernels.operators import CELLS, operator_name
from seqkit.kernels.plan import plan
from seqkit.layers.state import State
from tests.kernels.layers import make, results

pytestmark = pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here")
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[1, 2])
def threads(request):
    torch.set_num_threads(request.param)
    return request.param


def assert_equal_to_the_reference(layer, x, lengths, draw=torch.randn_like):
    start = layer.initial_state(len(x)).map(draw)
    values, gradients = results(layer, x, lengths, start, "native")
    # Rounding differs from step to step; the reference in double precision is the truth that both are held to.
    exact = copy.deepcopy(layer).double()
    true_values, true_gradients = results(exact, x.double(), lengths, start.map(torch.Tensor.double), "reference")
    # A normalised cell state blows rounding up, in any kernel and by chance: over many draws the two err alike, in one
    # draw the one may err several times as much as the other.
    plain_values, plain_gradients = results(layer, x, lengths, start, "reference")
    for value, plain, truth in zip(values, plain_values, true_values, strict=True):
        error = float((plain - truth).detach().abs().max())
        torch.testing.assert_close(value, truth.float(), rtol=1e-6, atol=2e-6 + 20 * error)
    for value, plain, truth in zip(gradients, plain_gradients, true_gradients, strict=True):
        error = float((plain - truth).detach().abs().max())
        scale = max(1.0, float(truth.detach().abs().max()))
        torch.testing.assert_close(value, truth.float(), rtol=1e-6, atol=4e-6 * scale + 20 * error)


@cells
@pytest.mark.parametrize("hidden", [1, 7, 33, 64])
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (1, 9), (3, 6), (9, 20)])
def test_values_states_and_gradients_equal_the_reference(cell, hidden, batch, steps):
    # A batch of 1 and of 9 by a team or in slices, one of 3 by one thread.
    torch.set_num_threads(1 if batch == 3 else 2)
    layer = make(cell, 5, hidden, num_layers=2, bidirectional=batch != 3)
    x = torch.randn(batch, steps, 5)
    for lengths in (None, torch.randint(0, steps + 1, (batch,))):
        assert_equal_to_the_reference(layer, x, lengths)


@cells
def test_one_hidden_unit_one_input_and_more_rows_than_one_product_takes(cell, threads):
    # With one unit a normalised cell state is exactly 0 whatever comes in: its gradients are rounding noise.
    hidden = 2 if "layer" in operator_name(cell) else 1
    assert_equal_to_the_reference(make(cell, 1, hidden), torch.randn(150, 3, 1), torch.randint(0, 4, (150,)))


@cells
def test_non_contiguous_inputs_and_all_lengths_0(cell):
    layer = make(cell, 4, 6)
    x = torch.randn(4, 5, 3).transpose(0, 2)
    assert not x.is_contiguous()
    assert_equal_to_the_reference(layer, x, None)
    assert_equal_to_the_reference(layer, x, [0, 0, 0])


@cells
def test_large_pre_activations_saturate_and_do_not_overflow(cell):
    layer = make(cell, 3, 16)
    x = torch.randn(2, 4, 3) * (1.0 if cell.options.get("nonlinearity") == "relu" else 1e4)
    for name, value in zip("hc", [layer(x, kernel="native")[0], *layer(x, kernel="native")[1].values()], strict=False):
        assert value.isfinite().all(), name
    torch.testing.assert_close(layer(x, kernel="native")[0], layer(x, kernel="reference")[0], rtol=1e-4, atol=1e-5)


@cells
def test_what_is_in_the_padding_is_never_read(cell):
    layer = make(cell, 3, 16, bidirectional=True, num_layers=2)
    x = torch.randn(2, 4, 3)
    x[1, 2:] = float("nan")
    given = x.clone().requires_grad_()
    out, _ = layer(given, [4, 2], kernel="native")
    gradients = torch.autograd.grad(out.sum(), [given, *layer.parameters()])
    assert out.isfinite().all() and all(g.isfinite().all() for g in gradients)
    assert (gradients[0][1, 2:] == 0).all()


def in_bf16(layer):
    rounded = copy.deepcopy(layer)
    rounded.precision = "bf16"
    return rounded


def shake(values):
    """Off by as much as rounding to bfloat16 may do, 2^-8 of a number at most: what that does to a result is usual."""
    return values * (1 + 2**-8 * (2 * torch.rand_like(values) - 1))


def shaken(layer):
    other = copy.deepcopy(layer)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.copy_(shake(parameter))
    return other


def check_that_rounding_costs_little(layer, x, lengths, start):
    """Outputs, state and gradients in bfloat16 are off by no more than what shaken weights and inputs do to them.

    They come back, exact and rounded.
    """
    exact, rounded, *others = (
        [value.detach() for value in (*found[0], *found[1])]
        for found in (
            results(layer, x, lengths, start, "native"),
            results(in_bf16(layer), x, lengths, start, "native"),
            *(results(shaken(layer), shake(x), lengths, start.map(shake), "native") for _ in range(3)),
        )
    )
    for truth, value, *near in zip(exact, rounded, *others, strict=True):
        usual = max(float((truth - other).norm()) for other in near)
        assert float((truth - value).norm()) <= 4 * usual + 1e-5
    return exact, rounded


@cells
@pytest.mark.parametrize("hidden", [7, 33, 64])
@pytest.mark.parametrize(("batch", "steps", "inputs"), [(1, 9, 5), (3, 6, 4), (70, 9, 33)])
def test_bf16_rounds_products_and_nothing_else(cell, hidden, batch, steps, inputs):
    torch.set_num_threads(1 if batch == 3 else 2)
    layer = make(cell, inputs, hidden, num_layers=2, bidirectional=batch != 3)
    x, start = torch.randn(batch, steps, inputs), layer.initial_state(batch).map(torch.randn_like)
    for lengths in (None, torch.randint(0, steps + 1, (batch,))):
        exact, rounded = check_that_rounding_costs_little(layer, x, lengths, start)
        if not multiplies_bf16():
            assert all(map(torch.equal, exact, rounded))


@cells
def test_bf16_is_exact_for_numbers_that_bf16_holds(cell):
    layer = make(cell, 5, 20, bidirectional=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(parameter.bfloat16())
    x = torch.randn(6, 1, 5).bfloat16().float()
    start = layer.initial_state(6).map(lambda zeros: torch.randn_like(zeros).bfloat16().float())
    if "before" in operator_name(cell):
        start = start.map(torch.zeros_like)  # its second product is of r ⊙ h, which bf16 does not hold
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            exact, rounded = (each(x, None, start, kernel="native") for each in (layer, in_bf16(layer)))
        torch.testing.assert_close(rounded[0], exact[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(dict(rounded[1]), dict(exact[1]), rtol=1e-5, atol=1e-6)


@cells
def test_single_steps_in_bf16_equal_the_whole_call_in_bf16(cell):
    layer = in_bf16(make(cell, 3, 20, num_layers=2, kernel="native")).eval()
    x, state = torch.randn(2, 5, 3), None
    with torch.no_grad():
        whole, _ = layer(x)
        for t in range(5):
            y, state = layer.step(x[:, t], state)
            torch.testing.assert_close(y, whole[:, t], rtol=1e-5, atol=1e-6)


def test_without_our_kernels_bf16_is_f32():
    layer = make("lstm", 3, 8)
    x = torch.randn(2, 4, 3)
    for kernel in ("aten", "reference"):
        assert torch.equal(in_bf16(layer)(x, kernel=kernel)[0], layer(x, kernel=kernel)[0])
    with pytest.raises(ValueError, match="unknown precision 'bf61'"):
        Recurrent("lstm", 3, 8, precision="bf61")


def test_a_nan_stays_a_nan():
    layer = make("lstm", 3, 16)
    x = torch.randn(2, 4, 3)
    x[0, 1] = float("nan")
    out, _ = layer(x, kernel="native")
    assert out[0, 0].isfinite().all() and out[1].isfinite().all()
    assert out[0, 1:].isnan().all()


@cells
def test_single_steps_equal_the_whole_call_and_notice_new_weights(cell):
    layer = make(cell, 3, 20, num_layers=2, kernel="native").eval()
    x = torch.randn(2, 5, 3)
    with torch.no_grad():
        for _ in range(2):
            whole, _ = layer(x)
            state = None
            for t in range(5):
                y, state = layer.step(x[:, t], state)
                torch.testing.assert_close(y, whole[:, t], rtol=1e-5, atol=1e-6)
            before = whole.clone()
            for parameter in layer.parameters():
                parameter.mul_(0.5)
            assert not torch.allclose(layer(x)[0], before)


@pytest.mark.parametrize(("hidden", "team"), [(128, 1), (192, 2)])
def test_a_step_of_a_small_layer_is_not_shared_among_threads_and_equals_the_whole_call(hidden, team):
    torch.set_num_threads(2)
    assert plan(1, 1, hidden, 4, single=True) == (1, team)
    assert plan(1, 1, hidden, 4) == (1, 2)
    layer, state = make("lstm", 5, hidden, kernel="native").eval(), None
    x = torch.randn(1, 6, 5)
    with torch.no_grad():
        whole = layer(x)[0]
        for time in range(6):
            out, state = layer.step(x[:, time], state)
            torch.testing.assert_close(out, whole[:, time], rtol=1e-5, atol=1e-6)


def test_an_optimizer_step_is_noticed_by_the_kept_weights():
    layer = make("gru", 3, 16, kernel="native")
    x = torch.randn(2, 5, 3)
    for kind in (torch.optim.SGD, torch.optim.AdamW):
        optimizer = kind(layer.parameters(), lr=0.1, fused=True)
        with torch.no_grad():
            before = layer(x)[0]
        layer(x)[0].sum().backward()
        optimizer.step()
        with torch.no_grad():
            after = layer(x)[0]
        assert not torch.allclose(before, after)
        torch.testing.assert_close(after, layer(x, kernel="reference")[0], rtol=1e-5, atol=1e-6)


def test_weights_that_come_back_from_another_dtype_are_noticed():
    layer = make("lstm", 64, 256, kernel="native").eval()
    x = torch.randn(2, 3, 64)
    with torch.no_grad():
        before = layer(x)[0]
        layer.bfloat16().float()
        after = layer(x)[0]
        assert not torch.equal(before, after)
        torch.testing.assert_close(after, layer(x, kernel="reference")[0], rtol=1e-5, atol=1e-6)


def test_each_draw_of_weight_dropout_is_noticed():
    layer = make("gru", 3, 16, kernel="native", weight_dropout=0.5)
    x = torch.randn(2, 5, 3)
    with torch.no_grad():
        for seed in range(5):
            torch.manual_seed(seed)
            ours = layer(x)[0]
            torch.manual_seed(seed)
            torch.testing.assert_close(ours, layer(x, kernel="reference")[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", sorted(KERNELS.keys() - {"cudnn", "fused"}))
@pytest.mark.parametrize("grad", [False, True])
def test_a_step_has_the_shapes_of_a_step_and_the_numbers_of_a_call(kernel, grad):
    layer = make("lstm", 3, 20, kernel=kernel)
    x = torch.randn(4, 3)
    with torch.set_grad_enabled(grad):
        y, state = layer.step(x)
        whole, last = layer(x.unsqueeze(1))
        again, _ = layer.step(x, state)
    assert y.shape == (4, 20) and y.requires_grad == grad
    torch.testing.assert_close((y, *state.values()), (whole.squeeze(1), *last.values()))
    assert not torch.equal(again, y)
    with pytest.raises(ValueError, match=r"input of a step must be \(batch, 3\), not \(4, 1, 3\)"):
        layer.step(x.unsqueeze(1))


@cells
@pytest.mark.parametrize("hidden", [16, 32, 33])
def test_steps_through_a_stack_are_the_whole_call(cell, hidden, threads):
    layer = make(cell, 3, hidden, num_layers=3, kernel="native").eval()
    x, start = torch.randn(5, 4, 3), layer.initial_state(5).map(torch.randn_like)
    for first in (start, None):
        with torch.no_grad():
            whole, last = layer(x, None, first)
            state = first
            for time in range(4):
                y, state = layer.step(x[:, time], state)
                # Weights as they lie are summed in another order, and layer normalization divides by small deviations.
                torch.testing.assert_close(y, whole[:, time], rtol=1e-5, atol=4e-6)
        torch.testing.assert_close(dict(state), dict(last), rtol=1e-5, atol=4e-6)


def zeros_for(layer):
    return {name: torch.zeros_like(value) for name, value in layer.state_dict().items()}


CHANGES = {
    "in place": lambda layer: layer.layers[0][0].weight_h.mul_(2),
    "another tensor": lambda layer: setattr(layer.layers[1][0], "weight_x", torch.nn.Parameter(torch.ones(64, 16))),
    "data": lambda layer: setattr(layer.layers[0][0].bias, "data", torch.ones(64)),
    "a cell's own": lambda layer: layer.layers[1][0].own["p_f"].add_(1),
    "loaded": lambda layer: layer.load_state_dict(zeros_for(layer)),
    "assigned": lambda layer: layer.load_state_dict(zeros_for(layer), assign=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_step_notices(change):
    layer = make("lstm-peephole", 3, 16, num_layers=2, kernel="native").eval()
    x, state = torch.randn(2, 3), layer.initial_state(2).map(torch.randn_like)
    with torch.no_grad():
        before = layer.step(x, state)[0]
        assert torch.equal(layer.step(x, state)[0], before)
        change(layer)
        after = layer.step(x, state)[0]
        assert not torch.allclose(after, before)
        torch.testing.assert_close(after, layer(x.unsqueeze(1), None, state, kernel="reference")[0].squeeze(1))
        layer.kernel = "reference"
        torch.testing.assert_close(layer.step(x, state)[0], after)


def test_a_prepared_step_notices_an_optimizer_and_stays_out_of_training():
    layer = make("gru", 3, 16, kernel="native", num_layers=2, dropout=0.5).eval()
    x = torch.randn(4, 3)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)
    with torch.no_grad():
        before = layer.step(x)[0]
    y = layer.step(x)[0]
    assert y.requires_grad
    torch.testing.assert_close(y, before)
    y.sum().backward()
    optimizer.step()
    with torch.no_grad():
        after = layer.step(x)[0]
        layer.train()
        dropped = layer.step(x)[0]
    assert not torch.allclose(after, before) and not torch.allclose(dropped, after)
    torch.testing.assert_close(after, layer.eval()(x.unsqueeze(1), kernel="reference")[0].squeeze(1))


def test_what_is_not_a_step_is_reported_after_a_prepared_one_too():
    layer = make("lstm", 3, 16, kernel="native").eval()
    with torch.no_grad():
        _, state = layer.step(torch.randn(2, 3))
        for x, given, told in (
            (torch.randn(2, 4), state, r"input of a step must be \(batch, 3\), not \(2, 4\)"),
            (torch.randn(2, 1, 3), state, r"input of a step must be \(batch, 3\), not \(2, 1, 3\)"),
            (torch.randn(3, 3), state, r"state 'h' must be \(3, 1, 16\), not \(2, 1, 16\)"),
            (torch.randn(2, 3), State({"h": state.h}), "state 'c' must be .* not missing"),
            (torch.randn(2, 3).double(), state, "kernel 'native' cannot run LSTM.* on float64 on cpu"),
        ):
            with pytest.raises(ValueError, match=told):
                layer.step(x, given)


def test_a_copy_of_a_layer_prepares_its_own_steps():
    layer, x = make("gru", 3, 16, kernel="native").eval(), torch.randn(2, 3)
    with torch.inference_mode():
        before = layer.step(x)[0]
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.layers[0][0].weight_x.zero_()
        assert torch.equal(layer.step(x)[0], before)
        assert not torch.equal(other.step(x)[0], before)


@cells
def test_the_same_threads_give_the_same_bits(cell, threads):
    layer = make(cell, 4, 32, bidirectional=True)
    x, lengths = torch.randn(7, 12, 4), [12, 3, 0, 7, 7, 1, 12]
    start = layer.initial_state(7)
    first, second = (results(layer, x, lengths, start, "native") for _ in range(2))
    for one, other in zip(first[0] + list(first[1]), second[0] + list(second[1]), strict=True):
        assert torch.equal(one, other)


@cells
def test_second_derivatives_come_from_the_reference(cell):
    layer = make(cell, 2, 5, bidirectional=True)
    x = torch.randn(3, 4, 2)

    def second(kernel):
        given = x.clone().requires_grad_()
        out, _ = layer(given, [4, 1, 3], kernel=kernel)
        (first,) = torch.autograd.grad(out.square().sum(), given, create_graph=True)
        assert first.requires_grad
        return torch.autograd.grad(first.square().sum(), [given, *layer.parameters()], allow_unused=True)

    for ours, truth in zip(second("native"), second("reference"), strict=True):
        assert (ours is None) == (truth is None)
        if ours is not None:
            torch.testing.assert_close(ours, truth, rtol=1e-3, atol=1e-4)


def operator_arguments(name, bf16, hidden=16):
    cell = CELLS[name]
    layer = layer_of([d.weights() for d in make(cell, 3, hidden, bidirectional=True).layers[0]])
    layer = [t.detach().requires_grad_() for t in layer]
    x = torch.randn(2, 4, 3, requires_grad=True)
    state = torch.randn(len(cell.state_names), 2, 2, hidden, requires_grad=True)
    return (name, x, torch.tensor([4, 2]), *layer, state, hidden, bf16, 1, 1)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_torch_finds_the_operators_well_made(name, bf16):
    if bf16 and not multiplies_bf16():
        pytest.skip("this processor has no bfloat16 products")
    arguments = operator_arguments(name, bf16)
    # The last two outputs are what backward needs and hold rows that no step fills; everything else is compared.
    checks = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(torch.ops.seqkit.forward, arguments, test_utils=checks)
    if name != "lstm-layer-norm":  # which has spare numbers in every row
        compiled = ("test_aot_dispatch_static", "test_aot_dispatch_dynamic")
        torch.library.opcheck(torch.ops.seqkit.forward, (*arguments[:2], None, *arguments[3:]), test_utils=compiled)
    detached = [a.detach() if isinstance(a, torch.Tensor) else a for a in arguments]
    with torch.no_grad():
        out, final, kept_h, kept = torch.ops.seqkit.forward(*detached)
    back = (*detached[:7], kept_h, kept, torch.randn_like(out), torch.randn_like(final), 16, bf16, 1, 1, True)
    torch.library.opcheck(torch.ops.seqkit.backward, back, test_utils=checks)
    precision = "bf16" if bf16 else "f32"
    for each in (precision, "int8"):
        torch.library.opcheck(torch.ops.seqkit.pack, (*detached[3:5], each), test_utils=checks)
    packed = torch.ops.seqkit.pack(*detached[3:5], precision)
    vectors = torch.cat([detached[5].view(2, -1, 16), detached[6]], 1)
    h, c = (*detached[7].unbind(0), None)[:2]
    for lengths, start in ((detached[2], (h, c)), (None, (None, None))):
        given = (name, detached[1], lengths, packed, vectors, *start, 16, 1, 1)
        torch.library.opcheck(torch.ops.seqkit.infer, given, test_utils=checks)
        weights = [detached[3], detached[4]]
        given = (*given, weights, torch.ops.seqkit.fingerprint(weights))
        torch.library.opcheck(torch.ops.seqkit.infer_verified, given, test_utils=checks)
        assert torch.ops.seqkit.infer_verified(*given)[3]
        assert not torch.ops.seqkit.infer_verified(*given[:-2], weights[::-1], given[-1])[3]
    packed = torch.ops.seqkit.pack(*(weight[:1] for weight in detached[3:5]), precision)
    for start in ((h[:, :1], None if c is None else c[:, :1]), (None, None)):
        given = (name, detached[1][:, 0], packed, vectors[:1], *start, 16, 1, 1)
        torch.library.opcheck(torch.ops.seqkit.step, given, test_utils=checks)
    packed, vectors = (
        torch.ops.seqkit.pack(*detached[3:5], precision),
        torch.cat([detached[5].view(2, -1, 16), detached[6]], 1),
    )
    found = torch.ops.seqkit.infer(name, detached[1], detached[2], packed, vectors, h, c, 16, 1, 1)
    assert torch.equal(found[0], out)
    assert all(map(torch.equal, found[1:], final))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["lstm", "gru-after", "rnn-tanh", "rnn-relu"])
def test_torch_finds_the_operators_of_a_single_step_well_made(name, bias):
    batch, inputs, units, gates = 3, 5, 20, len(CELLS[name].gate_names)
    h, c = torch.randn(batch, units), torch.randn(batch, units) if name == "lstm" else None
    biases = (torch.randn(gates * units), torch.randn(gates * units)) if bias else (None, None)
    weights = (torch.randn(gates * units, inputs), torch.randn(gates * units, units), *biases)
    given = (name, torch.randn(batch, inputs), h, c, *weights)
    checks = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(torch.ops.seqkit.single_step, given, test_utils=checks)
    *_, kept = torch.ops.seqkit.single_step(*given)
    for needs in ((True, True, True), (False, True, False), (True, False, True)):
        back = (*given, kept, torch.randn_like(h), None, *needs)
        torch.library.opcheck(torch.ops.seqkit.single_step_backward, back, test_utils=checks)
    with pytest.raises(RuntimeError, match=r"weight_h must be"):
        torch.ops.seqkit.single_step(*given[:5], weights[0], *biases)
    with pytest.raises(RuntimeError, match=r"torch has no cell 'lstm-peephole'"):
        torch.ops.seqkit.single_step("lstm-peephole", *given[1:])


def test_weights_survive_the_operators_layout_and_back():
    for cell in (each for each in CELLS.values() if each.stages):
        layer = make(cell, 3, 5, bidirectional=True)
        given = [d.weights() for d in layer.layers[0]]
        if not len(given[0].weight_x) == len(given[0].weight_h) == len(given[0].bias):
            continue  # this layout is of cells whose gates all have an input and a recurrent part
        for one, other in zip(given, weights_of(cell, layer_of(given), 5), strict=True):
            for first, second in zip(one[:4], other[:4], strict=True):
                assert (first is None and second is None) or torch.equal(first, second)
            assert list(one.own) == list(other.own)
            assert all(torch.equal(one.own[key], other.own[key]) for key in one.own)
    assert pad_units(torch.ones(2, 5), 5).shape == (2, 16)


def test_a_class_derived_from_ours_is_not_taken_for_it():
    class Different(LSTM):
        pass

    assert operator_name(Different()) is None
    assert not KERNELS["native"].supports(Different(), torch.zeros(1))


def test_double_precision_and_unknown_cells_go_another_way():
    assert choose_kernel(LSTM(), torch.zeros(1)) is KERNELS["native"]
    assert choose_kernel(LSTM(), torch.zeros(1, dtype=torch.double)) is KERNELS["aten"]
    with pytest.raises(ValueError, match=r"cannot run LSTM.* on float64"):
        choose_kernel(LSTM(), torch.zeros(1, dtype=torch.double), "native")


def test_several_threads_of_a_program_may_call_at_once():
    layer = make("lstm", 3, 32, bidirectional=True, kernel="native").eval()
    x = torch.randn(4, 30, 3)
    with torch.no_grad():
        truth = layer(x)[0]
        found = []

        def call():
            with torch.no_grad():
                for _ in range(20):
                    found.append(torch.equal(layer(x)[0], truth))

        workers = [threading.Thread(target=call) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(found) == 80 and all(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch.compile's own
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_torch_compile_takes_the_layer_as_it_is(name):
    layer = make(name, 3, 16, kernel="native")
    x = torch.randn(2, 5, 3, requires_grad=True)
    compiled = torch.compile(layer, fullgraph=False)
    torch.testing.assert_close(compiled(x)[0], layer(x)[0])
    (ours,) = torch.autograd.grad(compiled(x)[0].sum(), x)
    (truth,) = torch.autograd.grad(layer(x)[0].sum(), x)
    torch.testing.assert_close(ours, truth)
