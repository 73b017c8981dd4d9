"""What a page is made of: influence, time constants, the flow of gradients, and the page itself."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seqkit import Encoder, Recurrent, UsageError
from seqkit.report.flow import flow_plots, gradient_flows, gradient_norms
from seqkit.report.inside import look_inside, time_constants
from seqkit.report.inspect import page
from seqkit.training import Watched


class Tiny(nn.Module):
    """A linear score of the pooled outputs of a small encoder."""

    def __init__(self, hidden_size=3):
        super().__init__()
        torch.manual_seed(1)
        self.encoder = Encoder(9, 4, cell="gru", hidden_size=hidden_size, pooling="mean")
        nn.init.normal_(self.encoder.embedding.weight)
        self.output = nn.Linear(self.encoder.output_size, 1)

    def forward(self, tokens):
        return self.output(self.encoder(tokens, torch.tensor([tokens.shape[1]])).pooled).sum()


def tiny(hidden_size=3):
    """A model as `look_inside` takes it; its inputs are lists of numbers."""
    head = Tiny(hidden_size).double().eval()

    def watch(head, codec, raw):
        return Watched("<b>answer</b>", head(torch.tensor([raw])), {"encoder.recurrent": [f"t{n}" for n in raw]})

    task = SimpleNamespace(name="tiny", topology="many to one", watch=watch)
    return SimpleNamespace(task=task, codec=SimpleNamespace(account=lambda raw: None), head=head)


def test_time_constants_are_the_steps_to_one_part_in_e():
    found = time_constants(torch.tensor([[0.4, 0.9], [0.6, 0.9]])).tolist()
    assert found == pytest.approx([1 / math.log(2), -1 / math.log(0.9)], rel=1e-6)


def test_influence_is_what_the_score_gains_as_a_step_grows_by_finite_differences():
    model, raw, small = tiny(), [3, 5, 7, 2], 1e-6
    steps, worth = look_inside(model, raw).influence["encoder.recurrent"]
    assert steps == ["t3", "t5", "t7", "t2"]
    with torch.no_grad():
        before = model.head(torch.tensor([raw]))
        for symbol, value in zip(raw, worth.tolist(), strict=True):
            model.head.encoder.embedding.weight[symbol] *= 1 + small
            grown = model.head(torch.tensor([raw]))
            model.head.encoder.embedding.weight[symbol] /= 1 + small
            assert value == pytest.approx(float(grown - before) / small, abs=1e-6)


def test_looking_inside_leaves_the_model_as_it_was():
    model = tiny()
    before = model.head(torch.tensor([[3, 5]]))
    look_inside(model, [3, 5])
    assert torch.equal(model.head(torch.tensor([[3, 5]])), before)
    recurrent = model.head.encoder.recurrent
    assert not recurrent._forward_pre_hooks and "forward" not in vars(recurrent)
    assert all(parameter.grad is None for parameter in model.head.parameters())


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


def test_flows_are_of_the_same_sizes_and_only_the_own_cell_is_trained():
    layer, inputs = Recurrent("lstm-peephole", 2, 5), [torch.randn(7, 2), torch.randn(4, 2), torch.randn(1, 2)]
    flows = gradient_flows(layer, inputs, "lstm-peephole", 0)
    assert [flow.cell for flow in flows] == ["rnn", "lstm", "gru", "lstm-peephole"]
    assert [flow.trained is not None for flow in flows] == [False, False, False, True]
    assert all(len(flow.initial) == 7 and flow.initial[0] == pytest.approx(1) for flow in flows)
    assert gradient_flows(layer, inputs, "lstm-peephole", 0) == flows
    plots = flow_plots(flows)
    assert ["trained" in plot for plot in plots] == [False, False, False, True]
    assert all("at initialisation" in plot and plot.startswith("<svg") for plot in plots)


def test_a_gradient_needs_two_steps():
    with pytest.raises(UsageError, match="two steps"):
        gradient_flows(Recurrent("gru", 2, 3), [torch.randn(1, 2)], "gru", 0)


def test_of_many_units_those_that_change_most_are_shown_and_the_page_says_so():
    text = page("Inside", "a run", look_inside(tiny(60), [3, 5, 7]))
    assert text.count("Rows are the 48 of 60 units whose output changes most") == 2
    assert text.count("<figure data-map=") == 2 * 4
    assert "of each of the 60 units" in text
    assert "&lt;b&gt;answer" in text and "<b>answer" not in text


def test_a_model_without_time_is_refused():
    model = SimpleNamespace(head=nn.Linear(2, 2), task=SimpleNamespace(name="digit", topology="one to one"))
    with pytest.raises(UsageError, match="a digit model is one to one: it has no time"):
        look_inside(model, "1")
