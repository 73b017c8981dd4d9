"""No tensor is larger than a bound while layers are built."""

import pytest
import torch

from seqkit.layers.bounded import TooLarge, bounded_tensors


@pytest.mark.parametrize("make", [torch.zeros, torch.randn, torch.empty, lambda *sizes: torch.full(sizes, 1.0)])
def test_a_tensor_may_have_as_many_bytes_as_the_bound_and_no_more(make):
    with bounded_tensors(24):
        assert make(2, 3).shape == (2, 3)
        with pytest.raises(TooLarge, match="a tensor of 7 x 1"):
            make(7, 1)
    assert make(7, 1).shape == (7, 1)


def test_sizes_whose_product_no_number_can_hold_are_too_large():
    with bounded_tensors(24), pytest.raises(TooLarge, match="a tensor of"):
        torch.empty(2**40, 2**40)
