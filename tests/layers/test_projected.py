"""torch's LSTM with a projection converted to ours, and back."""

import pytest
import torch
from torch import nn

from seqkit import Recurrent, UsageError

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")


def projected(hidden, size, **options):
    torch.manual_seed(0)
    return nn.LSTM(3, hidden, proj_size=size, batch_first=True, **options).double()


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}])
@pytest.mark.parametrize(("hidden", "size"), [(8, 4), (7, 3), (5, 4)])
def test_ours_computes_what_torchs_does(hidden, size, options):
    module = projected(hidden, size, **options)
    layer = Recurrent.from_torch(module)
    x = torch.randn(2, 6, 3, dtype=torch.double, requires_grad=True)
    (theirs, (h, c)), (ours, state) = module(x), layer(x)
    torch.testing.assert_close(ours, theirs)
    memory = torch.cat([value for name, value in state.items() if name != "h"], 2)
    torch.testing.assert_close(state.h, h.transpose(0, 1))
    torch.testing.assert_close(memory[..., :hidden], c.transpose(0, 1))
    assert not memory[..., hidden:].any(), "units that fill the last piece stay 0"
    gradients = [torch.autograd.grad(out.sin().sum(), x)[0] for out in (ours, theirs)]
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(layer.to_torch()(x)[0], theirs)


def test_units_that_fill_the_last_piece_never_learn():
    layer = Recurrent.from_torch(projected(7, 4))
    layer(torch.randn(2, 6, 3, dtype=torch.double))[0].sin().sum().backward()
    direction = next(layer.directions())
    rows = direction.weight_x.grad.view(4, 8, 3)
    assert not rows[:, 7].any() and rows[:, :7].any(2).all()


def test_a_frozen_projection_stays_frozen():
    module = projected(8, 4)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    back = Recurrent.from_torch(module).to_torch()
    assert not any(parameter.requires_grad for parameter in back.parameters())


def test_torch_has_no_projection_to_as_many_units():
    with pytest.raises(UsageError, match="memory above 1"):
        Recurrent("lstm-projected", 3, 4, memory=1).to_torch()
    with pytest.raises(UsageError, match="memory must be 1 or more, not 0"):
        Recurrent("lstm-projected", 3, 4, memory=0)
