"""``torch.compile`` takes layers whole: one graph, the same values and gradients."""

import warnings

import pytest
import torch

from seqkit import Encoder, Recurrent
from seqkit import nn as fast
from seqkit.kernels import ensure

pytestmark = pytest.mark.filterwarnings("ignore")  # of torch's own compiler


@pytest.fixture(autouse=True)
def a_compiler_of_ones_own():
    """Graphs and limits that tests before this one left are none of its own; the kernels are those of eager calls.

    torch compiles a function eight times in a process, all layers together, and refuses the ninth of ``fullgraph``.
    """
    ensure(print)
    torch.manual_seed(0)
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def compiled(module, backend="aot_eager", **options):
    return torch.compile(module, fullgraph=True, backend=backend, **options)


def outputs_and_gradients(call, module, x, *given):
    """All that a call of a recurrent module gives, as a list, then the gradients of its input and parameters."""
    x = x.clone().requires_grad_()
    out, state = call(x, *given)
    last = state.values() if isinstance(state, dict) else state if isinstance(state, tuple) else [state]
    loss = out.square().sum() + sum(each.sum() for each in last)
    return [out, *last, *torch.autograd.grad(loss, [x, *module.parameters()])]


@pytest.mark.slow  # it compiles C++
@pytest.mark.parametrize(
    ("kind", "options", "lengths"),
    [("lstm", {"num_layers": 2, "bidirectional": True}, torch.tensor([5, 2, 0])), ("gru", {}, None), ("rnn", {}, None)],
)
def test_inductor_gives_the_numbers_of_eager_calls(kind, options, lengths):
    layer, x = Recurrent(kind, 4, 6, **options), torch.randn(3, 5, 4)
    found = outputs_and_gradients(compiled(layer, "inductor"), layer, x, lengths)
    torch.testing.assert_close(found, outputs_and_gradients(layer, layer, x, lengths))


@pytest.mark.slow
@pytest.mark.parametrize("grad", [True, False])
def test_inductor_takes_batches_of_any_size(grad):
    layer = Recurrent("gru", 4, 6).train(grad)
    call = compiled(layer, "inductor", dynamic=True)
    with torch.set_grad_enabled(grad):
        for batch, steps in ((3, 5), (2, 7), (9, 30)):
            x = torch.randn(batch, steps, 4)
            torch.testing.assert_close(call(x)[0], layer(x)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_inductor_gives_the_numbers_of_eager_calls_of_torchs_names(kind):
    module, x = getattr(fast, kind)(4, 6, 2, batch_first=True), torch.randn(3, 16, 4)
    found = outputs_and_gradients(torch.compile(module, backend="inductor"), module, x)
    torch.testing.assert_close(found, outputs_and_gradients(module, module, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2, 0])], ids=["whole", "padded"])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_layer_is_one_graph(lengths, layers):
    layer = Recurrent("lstm", 4, 6, num_layers=layers, bidirectional=True)
    x = torch.randn(3, 5, 4, requires_grad=True)
    found, expected = [], []
    for call, values in ((compiled(layer), found), (layer, expected)):
        out, state = call(x, lengths)
        loss = out.square().sum() + state["c"].sum()
        values += [out, state["h"], *torch.autograd.grad(loss, [x, *layer.parameters()])]
    # The same operators in the same order.
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2, 0])], ids=["whole", "padded"])
def test_inference_of_a_layer_is_one_graph(lengths):
    layer, x = Recurrent("gru", 4, 6).eval(), torch.randn(3, 5, 4)
    with torch.no_grad():
        call = compiled(layer)
        call(x, lengths)
        layer.directions().__next__().weight_h.data.mul_(0.5)
        torch.testing.assert_close(call(x, lengths)[0], layer(x, lengths, kernel="reference")[0], rtol=1e-5, atol=1e-6)


def test_an_encoder_is_one_graph():
    encoder, tokens, lengths = (
        Encoder(9, 4, cell="gru", hidden_size=6),
        torch.randint(1, 9, (3, 5)),
        torch.tensor([5, 2, 3]),
    )
    found, expected = compiled(encoder)(tokens, lengths), encoder(tokens, lengths)
    torch.testing.assert_close((found.outputs, found.pooled), (expected.outputs, expected.pooled), rtol=0, atol=0)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("cell", ["gru", "min-gru", "lstm-layer-norm"])
def test_its_compiler_warns_of_no_cache_of_ours(cell, grad):
    layer = Recurrent(cell, 4, 6)
    with torch.set_grad_enabled(grad), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        compiled(layer)(torch.randn(3, 5, 4))
    assert not [each for each in told if "lru_cache" in str(each.message)]


@pytest.mark.parametrize("cell", ["min-gru", "rnn", "lstm-layer-norm", "lstm"])
def test_the_reference_loop_trains_in_one_graph(cell):
    layer, x = Recurrent(cell, 4, 6), torch.randn(3, 5, 4)

    def by_reference(x):
        return layer(x, kernel="reference")

    found = outputs_and_gradients(compiled(by_reference), layer, x)
    torch.testing.assert_close(found, outputs_and_gradients(by_reference, layer, x), rtol=1e-5, atol=1e-6)
