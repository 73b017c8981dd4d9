"""What a page is made of: influence, time constants, the flow of gradients, and the page itself."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seqkit import Encoder, Recurrent, UsageError
from seqkit.inspection.final_step import final_step
from seqkit.inspection.flow_plots import flow_plots
from seqkit.inspection.gradient_flow import gradient_flows, gradient_norms
from seqkit.inspection.inside import look_inside
from seqkit.inspection.page import page
from seqkit.inspection.time_constants import time_constants
from seqkit.layers.state import State
from seqkit.runs import Model
from seqkit.topologies import Explanation


class Tiny(nn.Module):
    """A linear score of the pooled outputs of a small encoder."""

    def __init__(self, hidden_size=3, cell="gru"):
        super().__init__()
        torch.manual_seed(1)
        self.encoder = Encoder(9, 4, cell=cell, hidden_size=hidden_size, pooling="mean")
        nn.init.normal_(self.encoder.embedding.weight)
        self.output = nn.Linear(self.encoder.output_size, 1)

    def forward(self, tokens):
        return self.output(self.encoder(tokens, torch.tensor([tokens.shape[1]])).pooled).sum()


@dataclass
class TinyConfig:
    cell: str
    seed: int = 0


def tiny(hidden_size=3, cell="gru", name="tiny", head=None):
    """A model as `look_inside` takes it; its inputs are lists of numbers."""

    def explain(head, codec, raw):
        return Explanation("<b>answer</b>", head(torch.tensor([raw])), {"encoder.recurrent": [f"t{n}" for n in raw]})

    def build_head(config, codec):
        return Tiny(hidden_size, config.cell).double()

    task = SimpleNamespace(name=name, topology="many to one", explain=explain, build_head=build_head)
    codec = SimpleNamespace(encoding_report=lambda raw: None)
    config = TinyConfig(cell)
    return Model(task, config, codec, (head or build_head(config, codec)).eval())


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


class Classifier(Tiny):
    """Log-probabilities of three labels after the last state of two layers; in between nothing is looked at."""

    def __init__(self):
        super().__init__()
        self.encoder = Encoder(9, 4, cell="lstm", hidden_size=3, num_layers=2, pooling="last", bidirectional=False)
        nn.init.normal_(self.encoder.embedding.weight)
        self.output = nn.Linear(3, 3)

    def forward(self, tokens):
        pooled = self.encoder(tokens, torch.tensor([tokens.shape[1]])).pooled
        return torch.log_softmax(self.output(pooled), 1)[0].max()


def test_the_loss_of_a_head_is_followed_from_its_last_state_as_by_autograd_through_the_whole_head():
    head, raw = Classifier().double().eval(), [3, 5, 7, 2, 8]
    found = final_step(tiny(head=head), raw)
    layer, hidden, state = head.encoder.recurrent, [], None
    for vector in head.encoder.embedding(torch.tensor([raw])).unbind(1):
        h, state = layer.step(vector, state)
        # A leaf of its own for the upper h, which the next step and the head read.
        state = State({"h": torch.cat([state.h[:, :1], h.unsqueeze(1)], 1), "c": state.c})
        hidden.append(h)
    score = torch.log_softmax(head.output(hidden[-1]), 1)[0].max()
    norms = [float(g.norm()) for g in torch.autograd.grad(score, hidden)][::-1]
    assert found.name == "encoder.recurrent" and found.direction is layer.layers[1][0]
    assert (
        float(found.state_gradient[0].norm()) == pytest.approx(norms[0], rel=1e-9) and not found.state_gradient[1].any()
    )
    given = gradient_norms(found.direction, found.x, found.start, found.state_gradient)
    assert given == pytest.approx([norm / norms[0] for norm in norms], rel=1e-9)


def test_what_a_pooling_takes_on_the_way_is_no_gradient_that_flows_back():
    head, raw = tiny().head, [3, 5, 7, 2]
    found = final_step(tiny(head=head), raw)
    # The mean of four outputs takes a quarter of the last; the forward direction has the first half of the weights.
    torch.testing.assert_close(found.state_gradient[0], head.output.weight[:, :3].detach() / 4)


def test_flows_are_of_every_cell_and_trained_are_those_that_have_a_run():
    models, inputs = [tiny(cell="lstm-peephole"), tiny(cell="gru")], [[3, 5, 7, 2, 8, 1, 4], [3, 5, 2, 1], [6]]
    flows = gradient_flows(models, inputs)
    assert [flow.cell for flow in flows.cells] == ["rnn", "lstm", "gru", "lstm-peephole"]
    assert [flow.trained is not None for flow in flows.cells] == [False, False, True, True]
    assert all(len(flow.initial) == 7 and flow.initial[0] == pytest.approx(1) for flow in flows.cells)
    assert (flows.layer, flows.units, flows.examples, flows.from_answer) == ("encoder.recurrent", 3, 2, True)
    assert gradient_flows(models, inputs) == flows
    # These models have had no training.
    assert all(flow.trained in (None, flow.initial) for flow in flows.cells)
    plots = flow_plots(flows.cells)
    assert ["trained" in plot for plot in plots] == [False, False, True, True]
    assert all("at initialisation" in plot and plot.startswith("<svg") for plot in plots)
    text = page("Inside", "a run", None, flows)
    assert "Trained: gru and lstm-peephole." in text and "minus the log-probability of the answer" in text


def test_without_a_gradient_of_the_answer_the_loss_is_a_random_direction_and_the_page_says_so():
    model = tiny()
    model.task.explain = lambda head, codec, raw: Explanation(
        "answer", head(torch.tensor([raw])).detach(), {"encoder.recurrent": raw}
    )
    flows = gradient_flows([model], [[3, 5, 7, 2]])
    assert not flows.from_answer
    assert "The loss is v · h of the last step" in page("Inside", "a run", None, flows)


@pytest.mark.parametrize(
    ("models", "inputs", "said"),
    [
        (lambda: [tiny()], [[3]], "two steps"),
        (lambda: [tiny(), tiny()], [[3, 5]], "two of the runs have the cell gru"),
        (lambda: [tiny(), tiny(name="tag", cell="rnn")], [[3, 5]], "a tag run cannot stand beside one of tiny"),
    ],
)
def test_flows_that_cannot_be_are_refused(models, inputs, said):
    with pytest.raises(UsageError, match=said):
        gradient_flows(models(), inputs)


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
