"""torch's LSTM with a projection on our kernel: values, states and gradients, in every form of input."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

import seqkit
from seqkit.nn import modules
from seqkit.nn.projected import MOST_PIECES, why_not

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:LSTM with projections")]
SIZES = [(12, 6), (10, 6)]
"""Of memory and projection; 6 divides the first, and leaves two units of the second piece empty"""


@pytest.fixture
def sped_up(monkeypatch):
    """torch's module and ours of the same weights, the second on our kernels, which are counted."""
    calls = []
    run = modules.ProjectedStack.run
    monkeypatch.setattr(modules.ProjectedStack, "run", lambda *given: calls.append(1) or run(*given))
    for name in ("worth_training", "worth_inferring"):
        monkeypatch.setattr(modules, name, lambda size, fused: True)

    def pair(hidden, size, **options):
        torch.manual_seed(0)
        theirs = torch.nn.LSTM(5, hidden, proj_size=size, **options)
        mine = torch.nn.LSTM(5, hidden, proj_size=size, **options)
        mine.load_state_dict(theirs.state_dict())
        if why_not(mine):
            pytest.skip(why_not(mine))
        seqkit.speed_up(torch.nn.Sequential(mine))
        return theirs, mine

    yield pair
    assert calls, "our kernels did not run"


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return [value.data]
    return [tensor for part in value for tensor in tensors_in(part)]


def results(module, *given):
    out = tensors_in(module(*given))
    return out + list(torch.autograd.grad(sum(each.sin().sum() for each in out), [*module.parameters()]))


@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}]
)
@pytest.mark.parametrize("sizes", SIZES)
def test_values_states_and_gradients_are_those_of_torch(sizes, options, sped_up):
    theirs, mine = sped_up(*sizes, **options)
    count = theirs.num_layers * (2 if theirs.bidirectional else 1)
    x = torch.randn(4, 4, 5)
    start = (torch.randn(count, 4, sizes[1]), torch.randn(count, 4, sizes[0]))
    # float32; sums of some dozens of products of about one.
    torch.testing.assert_close(results(mine, x, start), results(theirs, x, start), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("sizes", SIZES)
def test_packed_sequences_end_where_they_end(sizes, sped_up):
    theirs, mine = sped_up(*sizes)
    x = pack_sequence([torch.randn(length, 5) for length in (4, 7, 1)], enforce_sorted=False)
    torch.testing.assert_close(results(mine, x), results(theirs, x), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_training_goes_as_torchs_does(sizes, sped_up):
    theirs, mine = sped_up(*sizes)
    x = torch.randn(6, 3, 5)
    for module in (theirs, mine):
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
        for _ in range(5):
            optimizer.zero_grad()
            module(x)[0].square().sum().backward()
            optimizer.step()
    # Adam divides by gradients that may be near 0.
    torch.testing.assert_close([*mine.parameters()], [*theirs.parameters()], rtol=1e-3, atol=1e-4)


def test_a_memory_of_many_pieces_is_left_to_torch():
    assert "more than 8 times" in why_not(torch.nn.LSTM(5, 6 * MOST_PIECES + 1, proj_size=6))
