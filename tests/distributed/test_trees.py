"""Sums as a tree: the same bits, whoever adds up which part."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqkit.training import distributed
from seqkit.training.distributed import Processes
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


class Meeting:
    """The exchanges of torch.distributed between threads of this process."""

    def __init__(self, size):
        self.size, self.here, self.given = size, threading.local(), [None] * size
        self.barrier = threading.Barrier(size)

    def exchange(self, own):
        self.given[self.here.rank] = own.flatten()
        self.barrier.wait(10)
        given = [*self.given]
        self.barrier.wait(10)
        return given

    def all_to_all(self, incoming, outgoing):
        pieces = [each.chunk(self.size)[self.here.rank] for each in self.exchange(outgoing)]
        incoming.copy_(torch.cat(pieces).view_as(incoming))

    def all_gather(self, rows, own):
        rows.copy_(torch.cat(self.exchange(own)))


@pytest.mark.parametrize(("size", "count"), [(2, 1), (2, 3), (4, 1), (3, 2)])
def test_processes_that_add_up_a_stretch_each_give_the_bits_of_one(size, count, monkeypatch):
    meeting, vectors = Meeting(size), torch.stack(terms(size * count))
    monkeypatch.setattr(distributed.dist, "all_to_all_single", meeting.all_to_all)
    monkeypatch.setattr(distributed, "_all_gather", meeting.all_gather)

    def added(rank):
        meeting.here.rank = rank
        return Processes(rank, size).sum(vectors[rank * count : (rank + 1) * count])

    with ThreadPoolExecutor(size) as pool:
        sums = [*pool.map(added, range(size))]
    assert all(torch.equal(each, tree_sum([*vectors])) for each in sums)
