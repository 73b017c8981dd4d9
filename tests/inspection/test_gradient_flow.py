"""How far gradients flow back: by hand, by autograd, and for every cell of a comparison."""

import math

import pytest
import torch

from seqkit import Recurrent, UsageError
from seqkit.inspection.flow_plots import overlaid_flows
from seqkit.inspection.gradient_flow import gradient_flows, gradient_norms
from seqkit.inspection.page import page
from seqkit.topologies import Explanation


def test_the_gradient_of_a_linear_recurrence_shrinks_by_its_weight_at_each_step():
    layer = Recurrent("rnn", 2, 3, nonlinearity="relu")
    direction = layer.layers[0][0]
    with torch.no_grad():
        direction.weight_h.copy_(0.5 * torch.eye(3))
        direction.weight_x.fill_(1.0)
    # Inputs above 0 keep every unit on the line's upper part, where it is linear.
    assert gradient_norms(direction, torch.ones(6, 2)) == pytest.approx([0.5**lag for lag in range(6)], rel=1e-5)


def test_the_gradient_of_a_tanh_layer_is_the_product_of_its_slopes():
    direction = Recurrent("rnn", 1, 1).double().layers[0][0]
    with torch.no_grad():
        direction.weight_h.fill_(0.8)
        direction.weight_x.fill_(0.7)
    x, h, slopes = [0.3, -0.5, 1.2], 0.0, []
    for value in x:
        h = math.tanh(0.7 * value + 0.8 * h)
        slopes.append(0.8 * (1 - h * h))
    expected = [1, slopes[2], slopes[2] * slopes[1]]
    assert gradient_norms(direction, torch.tensor(x).double().unsqueeze(1)) == pytest.approx(expected, rel=1e-6)


def test_where_the_loss_is_given_the_gradient_is_that_of_autograd_through_h_and_c():
    direction = Recurrent("lstm", 2, 3).double().layers[0][0]
    x, start, asked = (torch.randn(5, 2), torch.randn(2, 1, 3), torch.randn(2, 1, 3))
    x, start, asked = x.double(), tuple(start.double()), tuple(asked.double())
    (h, c), outputs = start, []
    for x_t in x:
        h = h.detach().requires_grad_() if not outputs else h
        a = direction.weight_x @ x_t + direction.bias + direction.weight_h @ h[0]
        i, f, g, o = a.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    gradients = torch.autograd.grad((asked[0] * h).sum() + (asked[1] * c).sum(), outputs)
    norms = [float(gradient.norm()) for gradient in reversed(gradients)]
    found = gradient_norms(direction, x, start, asked)
    assert found == pytest.approx([norm / norms[0] for norm in norms], rel=1e-6)


def test_flows_are_of_every_cell_and_trained_are_those_that_have_a_run(tiny):
    models, inputs = [tiny(cell="lstm-peephole"), tiny(cell="gru")], [[3, 5, 7, 2, 8, 1, 4], [3, 5, 2, 1], [6]]
    flows = gradient_flows(models, inputs)
    assert [flow.cell for flow in flows.cells] == ["rnn", "lstm", "gru", "lstm-peephole"]
    assert [flow.trained is not None for flow in flows.cells] == [False, False, True, True]
    assert all(len(flow.initial) == 7 and flow.initial[0] == pytest.approx(1) for flow in flows.cells)
    assert (flows.layer, flows.units, flows.examples, flows.from_answer) == ("encoder.recurrent", 3, 2, True)
    assert gradient_flows(models, inputs) == flows
    # These models have had no training.
    assert all(flow.trained in (None, flow.initial) for flow in flows.cells)
    overlaid = overlaid_flows(flows.cells)
    assert [overlaid.count(f">{flow.cell}, new<") for flow in flows.cells] == [1, 1, 1, 1]
    assert [overlaid.count(f">{flow.cell}, trained<") for flow in flows.cells] == [0, 0, 1, 1]
    text = page("Inside", "a run", {}, flows)
    assert "Trained: gru and lstm-peephole." in text and "minus the log-probability of the answer" in text


def test_without_a_gradient_of_the_answer_the_loss_is_a_random_direction_and_the_page_says_so(tiny):
    model = tiny()
    model.task.explain = lambda head, codec, raw: Explanation(
        "answer", head(torch.tensor([raw])).detach(), {"encoder.recurrent": raw}
    )
    flows = gradient_flows([model], [[3, 5, 7, 2]])
    assert not flows.from_answer
    assert "The loss is v · h of the last step" in page("Inside", "a run", {}, flows)


@pytest.mark.parametrize(
    ("models", "inputs", "said"),
    [
        ([{}], [[3]], "two steps"),
        ([{}, {}], [[3, 5]], "two of the runs have the cell gru"),
        ([{}, {"name": "tag", "cell": "rnn"}], [[3, 5]], "a tag run cannot be shown beside one of tiny"),
    ],
)
def test_flows_that_cannot_be_are_refused(models, inputs, said, tiny):
    with pytest.raises(UsageError, match=said):
        gradient_flows([tiny(**options) for options in models], inputs)
