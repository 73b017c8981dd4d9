import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from seqkit.layers import losses
from seqkit.layers.losses import linear_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("at_a_time", [1, 20, 10**6])
def test_pieces_equal_the_whole_in_value_and_gradients(monkeypatch, smoothing, at_a_time):
    monkeypatch.setattr(losses, "_LOGITS", at_a_time)
    torch.manual_seed(0)
    features, weight, bias = (torch.randn(*s, dtype=torch.double, requires_grad=True) for s in ((7, 3), (5, 3), (5,)))
    targets = torch.tensor([0, 4, -100, 2, 2, -1, 3])
    ours = linear_cross_entropy(features, weight, bias, targets, smoothing)
    logits = linear(features, weight, bias)
    truth = cross_entropy(logits, targets.clamp(min=-1), ignore_index=-1, reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(ours, truth)
    our_grads, true_grads = (torch.autograd.grad(3 * loss, (features, weight, bias)) for loss in (ours, truth))
    for one, other in zip(our_grads, true_grads, strict=True):
        torch.testing.assert_close(one, other)


def test_without_gradients_it_is_the_same_number():
    features, weight, bias, targets = torch.randn(4, 3), torch.randn(6, 3), torch.randn(6), torch.tensor([1, 2, 3, 0])
    with torch.no_grad():
        value = linear_cross_entropy(features, weight, bias, targets)
    torch.testing.assert_close(value, cross_entropy(linear(features, weight, bias), targets, reduction="sum"))


def test_a_second_derivative_is_refused_and_not_wrong():
    features = torch.randn(4, 3, requires_grad=True)
    loss = linear_cross_entropy(features, torch.randn(6, 3), torch.randn(6), torch.tensor([1, 2, 3, 0]))
    (grad,) = torch.autograd.grad(loss, features, create_graph=True)
    with pytest.raises(RuntimeError, match=r"does not require grad|once_differentiable"):
        grad.sum().backward()


def test_rounding_to_bfloat16_costs_no_more_than_its_eight_bits():
    torch.manual_seed(0)
    tensors = [torch.randn(*size, requires_grad=True) for size in ((50, 16), (30, 16), (30,))]
    targets = torch.randint(30, (50,))
    whole, rounded = (linear_cross_entropy(*tensors, targets, 0.1, precision) for precision in ("f32", "bf16"))
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(whole.item(), rel=2**-8)
    for one, other in zip(torch.autograd.grad(whole, tensors), torch.autograd.grad(rounded, tensors), strict=True):
        assert ((one - other).norm() / one.norm()).item() < 2**-6
