"""Sums as a tree: the same bits, whoever adds up which part."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqkit.training.trees import Branches, branch_size, tree_sum


def terms(count):
    generator = torch.Generator().manual_seed(count)
    # Of many sizes, so that another order of the sum rounds otherwise.
    return [torch.randn(50, generator=generator) * 10.0 ** (number % 5) for number in range(count)]


def test_neighbours_are_added_in_pairs_and_the_last_of_an_odd_number_waits():
    a, b, c, d, e = terms(5)
    assert torch.equal(tree_sum([a, b, c, d, e]), ((a + b) + (c + d)) + e)


def test_the_terms_stay_as_they_are():
    before = terms(4)
    tree_sum(before)
    assert all(torch.equal(*pair) for pair in zip(before, terms(4), strict=True))


@given(st.integers(1, 12), st.integers(1, 12))
def test_processes_that_add_up_their_branches_first_give_the_bits_of_one(processes, share):
    values = terms(processes * share)
    sums = []
    for rank in range(processes):
        branches = Branches(branch_size(share))
        for value in values[rank * share : (rank + 1) * share]:
            branches.add([value.clone()])
        sums += [tensor for (tensor,) in branches.sums]
    assert torch.equal(tree_sum(sums), tree_sum(values))


@pytest.mark.parametrize(("terms", "size"), [(1, 1), (6, 2), (8, 8), (12, 4), (7, 1)])
def test_a_branch_is_the_largest_power_of_two_that_divides_the_terms(terms, size):
    assert branch_size(terms) == size
