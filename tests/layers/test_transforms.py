"""Transforms of ``torch.func`` and forward mode go through all that a layer, an encoder and a loss are made of."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap

from seqkit import Encoder, Recurrent
from seqkit.errors import UsageError
from seqkit.layers.crf import CRF
from seqkit.layers.losses import linear_cross_entropy
from seqkit.lengths import reverse_sequences

X = torch.linspace(-1, 1, 3 * 5 * 8).view(3, 5, 8)
LENGTHS = torch.tensor([5, 2, 0])
MASK = torch.tensor([[0, 1, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]]).bool()


def two_ways(cell="gru"):
    torch.manual_seed(0)
    return Recurrent(cell, 8, 16, num_layers=2, bidirectional=True)


def slope(function, x, step=1e-6):
    """Of the function at x in the direction of x, by finite differences in double precision."""
    return (function(x * (1 + step)) - function(x * (1 - step))) / (2 * step)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("ragged", [{"lengths": LENGTHS}, {"mask": MASK}], ids=["lengths", "mask"])
def test_forward_derivatives_know_padding_in_both_directions(ragged):
    layer, x = two_ways().double(), X.double()
    found = jvp(lambda x: layer(x, **ragged)[0], (x,), (x,))[1]
    torch.testing.assert_close(found, slope(lambda x: layer(x, **ragged)[0], x), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_each_padded_sequence_has_its_gradients_in_both_directions(cell):
    layer = two_ways(cell)
    parameters = dict(layer.named_parameters())

    def loss(weights, x, length):
        return functional_call(layer, weights, (x.unsqueeze(0), length.unsqueeze(0)))[0].square().sum()

    each = vmap(grad(loss), (None, 0, 0))(parameters, X, LENGTHS)
    for row in range(3):
        layer.zero_grad()
        layer(X[row : row + 1], LENGTHS[row : row + 1])[0].square().sum().backward()
        for name, parameter in parameters.items():
            torch.testing.assert_close(each[name][row], parameter.grad, rtol=1e-4, atol=1e-5)


def test_each_sentence_has_its_gradients_in_an_encoder():
    torch.manual_seed(0)
    encoder = Encoder(9, 4, cell="gru", hidden_size=6, bidirectional=True).eval()
    tokens, lengths, parameters = torch.randint(1, 9, (3, 5)), torch.tensor([5, 2, 3]), dict(encoder.named_parameters())

    def loss(weights, tokens, length):
        found = functional_call(encoder, weights, (tokens.unsqueeze(0), length.unsqueeze(0)))
        return found.pooled.square().sum()

    each = vmap(grad(loss), (None, 0, 0))(parameters, tokens, lengths)
    encoder(tokens, lengths).pooled.square().sum().backward()
    for name, parameter in parameters.items():
        torch.testing.assert_close(each[name].sum(0), parameter.grad, rtol=1e-4, atol=1e-6)


def test_reversing_is_differentiated_forward_and_twice_and_mapped():
    x = torch.randn(3, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    lengths = torch.tensor([4, 2, 0])
    assert torch.autograd.gradcheck(lambda x: reverse_sequences(x, lengths), (x,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(lambda x: reverse_sequences(x, lengths).square(), (x,))
    mapped = vmap(lambda x, n: reverse_sequences(x.unsqueeze(0), n.unsqueeze(0)))(x, lengths)
    torch.testing.assert_close(mapped.squeeze(1), reverse_sequences(x, lengths))


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_each_row_has_its_gradients_in_a_loss_over_a_vocabulary(precision):
    torch.manual_seed(0)
    features, weight, bias = torch.randn(4, 6, 5), torch.randn(7, 5), torch.randn(7)
    targets = torch.randint(-1, 7, (4, 6))

    def loss(features, weight, targets):
        return linear_cross_entropy(features, weight, bias, targets, 0.1, precision)

    of_features, of_weight = vmap(grad(loss, (0, 1)), (0, None, 0))(features, weight, targets)
    for row in range(4):
        given = features[row].clone().requires_grad_(), weight.clone().requires_grad_()
        linear_cross_entropy(*given, bias, targets[row], 0.1).backward()
        torch.testing.assert_close((of_features[row], of_weight[row]), (given[0].grad, given[1].grad))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_probabilities_of_a_crf_are_differentiated_forward_and_mapped():
    torch.manual_seed(0)
    crf, logits = CRF(3).double(), torch.randn(2, 4, 3, dtype=torch.float64)
    lengths = torch.tensor([4, 2])
    expected = crf.marginals(logits, lengths)
    found, tangent = jvp(lambda x: crf.marginals(x, lengths), (logits,), (logits,))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(tangent, slope(lambda x: crf.marginals(x, lengths), logits), rtol=1e-6, atol=1e-8)
    each = vmap(lambda x, n: crf.marginals(x.unsqueeze(0), n.unsqueeze(0)))(logits, lengths)
    torch.testing.assert_close(each.squeeze(1), expected)


def test_a_packed_sequence_in_a_transform_is_refused_in_a_sentence():
    packed = nn.utils.rnn.pack_padded_sequence(X, [5, 3, 2], batch_first=True)
    layer = two_ways()
    with pytest.raises(UsageError, match="cannot unpack a PackedSequence; give padded input with lengths"):
        grad(lambda data: layer(packed._replace(data=data))[0].data.sum())(packed.data)


TRANSFORMS = {
    "grad": lambda f: grad(lambda x: f(x).square().sum()),
    "each gradient": lambda f: vmap(grad(lambda row: f(row.unsqueeze(0)).square().sum())),
    "forward": lambda f: lambda x: jvp(f, (x,), (x,))[1],
    "vmap": lambda f: vmap(lambda row: f(row.unsqueeze(0))),
}


@pytest.mark.filterwarnings("ignore")  # of torch's own compiler
@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("frozen", [False, True])
def test_a_transform_that_is_compiled_gives_what_it_gives_by_itself(name, frozen):
    torch.manual_seed(0)
    layer = Recurrent("gru", 8, 16).requires_grad_(not frozen)
    transform = TRANSFORMS[name](lambda x: layer(x)[0])
    torch.compiler.reset()
    found = torch.compile(transform, backend="eager", fullgraph=True)(X)
    torch.compiler.reset()
    torch.testing.assert_close(found, transform(X), rtol=1e-4, atol=1e-5)
    assert found.abs().sum() > 0


@pytest.mark.parametrize("kernel", ["auto", "reference"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "lstm-peephole"])
def test_gradients_of_several_outputs_at_once_are_those_of_each(cell, kernel):
    torch.manual_seed(0)
    layer, x = Recurrent(cell, 8, 5, kernel=kernel), X.clone().requires_grad_()
    out = layer(x, LENGTHS)[0]
    of_outputs, wanted = torch.randn(4, *out.shape), [x, *layer.parameters()]
    found = torch.autograd.grad(out, wanted, of_outputs, is_grads_batched=True, retain_graph=True)
    each = [torch.autograd.grad(out, wanted, one, retain_graph=True) for one in of_outputs]
    expected = tuple(torch.stack(same) for same in zip(*each, strict=True))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
