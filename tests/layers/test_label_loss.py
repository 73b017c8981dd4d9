import pytest
import torch
from torch.nn import CrossEntropyLoss
from torch.nn.functional import cross_entropy

from seqkit.layers.label_loss import label_loss

CLASS_WEIGHTS = torch.tensor([0.5, 3.0, 1.25], dtype=torch.double)


def rows(count=7):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 3, dtype=torch.double, generator=generator, requires_grad=True)
    return logits, torch.tensor([0, 2, -1, 1, 1, 0, 2])[:count]


def test_without_weights_it_is_torchs_sum_to_the_bit():
    logits, targets = rows()
    loss = label_loss(logits, targets)
    assert torch.equal(loss.sum, cross_entropy(logits, targets, ignore_index=-1, reduction="sum"))
    assert loss.count == 6


def test_with_class_weights_the_average_is_torchs():
    logits, targets = rows()
    expected = CrossEntropyLoss(weight=CLASS_WEIGHTS, ignore_index=-1)(logits, targets)
    loss = label_loss(logits, targets, CLASS_WEIGHTS)
    torch.testing.assert_close(loss.mean, expected)
    assert loss.items == 6
    assert loss.count == pytest.approx(0.5 * 2 + 3 * 2 + 1.25 * 2)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_weight_of_n_has_the_gradient_of_n_copies(smoothing):
    logits, targets = rows()
    weights = [2, 1, 3, 0, 1, 3, 0]
    copies = [number for number, weight in enumerate(weights) for _ in range(weight)]
    weighted = label_loss(logits, targets, CLASS_WEIGHTS, torch.tensor(weights), smoothing)
    repeated = label_loss(logits[copies], targets[copies], CLASS_WEIGHTS, None, smoothing)
    assert weighted.count == pytest.approx(repeated.count)
    torch.testing.assert_close(weighted.sum, repeated.sum)
    for one, other in zip(
        torch.autograd.grad(weighted.mean, logits), torch.autograd.grad(repeated.mean, logits), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_the_average_does_not_change_if_all_weights_are_scaled_far_below_one():
    logits, targets = rows()
    weights = torch.tensor([2.0, 1, 3, 0, 1, 3, 0.5])
    whole, scaled = label_loss(logits, targets, None, weights), label_loss(logits, targets, None, weights / 1024)
    assert scaled.count < 1
    assert torch.equal(whole.mean, scaled.mean)


def test_a_batch_in_which_nothing_weighs_has_no_gradient():
    logits, targets = rows()
    loss = label_loss(logits, targets, torch.zeros(3, dtype=torch.double))
    (gradient,) = torch.autograd.grad(loss.mean, logits)
    assert float(loss.mean.detach()) == 0 and not gradient.any()


def test_smoothing_is_weighted_by_the_label_of_the_row():
    logits, targets = rows(2)
    nats = -torch.log_softmax(logits, 1)
    smoothed = [0.8 * nats[row, label] + 0.2 * nats[row].mean() for row, label in enumerate(targets.tolist())]
    expected = (0.5 * smoothed[0] + 1.25 * smoothed[1]) / 1.75
    torch.testing.assert_close(label_loss(logits, targets, CLASS_WEIGHTS, None, 0.2).mean, expected)
