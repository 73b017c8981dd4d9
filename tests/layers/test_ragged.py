"""Packed sequences and masks: the real steps alone count, wherever they are."""

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

from seqkit import Recurrent
from seqkit.cells import available_cells
from seqkit.errors import UsageError


def layer_of(cell, **options):
    torch.manual_seed(0)
    return Recurrent(cell, 3, 5, num_layers=2, bidirectional=True, **options)


@pytest.mark.parametrize("cell", available_cells())
@pytest.mark.parametrize("kernel", ["auto", "reference"])
def test_steps_outside_a_mask_change_nothing(cell, kernel):
    layer = layer_of(cell, kernel=kernel)
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 0, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]).bool()
    x = torch.randn(4, 6, 3).masked_fill(~mask.unsqueeze(2), torch.nan).requires_grad_()
    start = layer.initial_state(4).map(torch.randn_like)
    out, state = layer(x, None, start, mask=mask)
    assert not out[~mask].any()
    out.sum().backward()
    assert x.grad.isfinite().all() and not x.grad[~mask].any()
    for row in range(3):
        real = x.detach()[row : row + 1, mask[row]]
        alone, last = layer(real, None, start.select(torch.tensor([row])))
        torch.testing.assert_close(out[row, mask[row]], alone[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(state.h[row], last.h[0], rtol=1e-5, atol=1e-6)
    assert torch.equal(state.h[3], start.h[3])


@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_a_packed_sequence_gives_a_packed_one_as_from_torch(enforce_sorted):
    module = torch.nn.LSTM(3, 5, num_layers=2, bidirectional=True)
    layer = Recurrent.from_torch(module)
    sizes = [5, 4, 2] if enforce_sorted else [2, 5, 4]
    packed = pack_sequence([torch.randn(size, 3) for size in sizes], enforce_sorted=enforce_sorted)
    out, state = layer(packed)
    expected, (h, c) = module(packed)
    assert isinstance(out, PackedSequence)
    torch.testing.assert_close(out.data, expected.data)
    torch.testing.assert_close((state.h, state.c), (h.transpose(0, 1), c.transpose(0, 1)))
    torch.testing.assert_close(pad_packed_sequence(out), pad_packed_sequence(expected))


def test_which_steps_are_real_is_said_once_and_well():
    layer, x = layer_of("gru"), torch.zeros(2, 4, 3)
    with pytest.raises(UsageError, match="is said twice"):
        layer(x, [1, 2], mask=torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(UsageError, match="is said twice"):
        layer(pack_padded_sequence(x, [4, 2], batch_first=True), [4, 2])
    with pytest.raises(UsageError, match=r"mask must be \(2, 4\) of torch.bool"):
        layer(x, mask=torch.ones(2, 4))
