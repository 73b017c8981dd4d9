"""What a loss asks of the last state, against autograd through the whole head."""

import pytest
import torch
from torch import nn

from seqkit import Encoder
from seqkit.inspection.final_step import final_step
from seqkit.inspection.gradient_flow import gradient_norms
from seqkit.layers.state import State


class Classifier(nn.Module):
    """Log-probabilities of three labels after the last state of two layers; in between nothing is looked at."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.encoder = Encoder(9, 4, cell="lstm", hidden_size=3, num_layers=2, pooling="last", bidirectional=False)
        nn.init.normal_(self.encoder.embedding.weight)
        self.output = nn.Linear(3, 3)

    def forward(self, tokens):
        pooled = self.encoder(tokens, torch.tensor([tokens.shape[1]])).pooled
        return torch.log_softmax(self.output(pooled), 1)[0].max()


def test_the_loss_of_a_head_is_followed_from_its_last_state_as_by_autograd_through_the_whole_head(tiny):
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
    h, c = found.state_gradient
    assert float(h.norm()) == pytest.approx(norms[0], rel=1e-9) and not c.any()
    flow = gradient_norms(found.direction, found.x, found.start, found.state_gradient)
    assert flow == pytest.approx([norm / norms[0] for norm in norms], rel=1e-9)


def test_what_a_pooling_takes_on_the_way_is_not_a_gradient_that_flows_back(tiny):
    head, raw = tiny().head, [3, 5, 7, 2]
    found = final_step(tiny(head=head), raw)
    # The mean of four outputs takes a quarter of the last; the forward direction has the first half of the weights.
    torch.testing.assert_close(found.state_gradient[0], head.output.weight[:, :3].detach() / 4)
