"""``torch.compile`` takes layers whole: one graph, the same values and gradients."""

import pytest
import torch

from seqkit import Encoder, Recurrent

pytestmark = pytest.mark.filterwarnings("ignore")  # of torch's own compiler


def compiled(module):
    torch.compiler.reset()
    return torch.compile(module, fullgraph=True, backend="aot_eager")


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
