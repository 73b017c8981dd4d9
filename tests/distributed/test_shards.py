"""The gradient of a step in shards: how it is cut, divided, and drawn at random."""

import pytest
import torch
from torch import nn

from seqkit.devices import OutOfMemory
from seqkit.errors import UsageError
from seqkit.layers import Head, Loss, TeacherForcing
from seqkit.training.batches import Piece, StreamBatches, cut
from seqkit.training.distributed import PeerLost, Processes
from seqkit.training.shards import _FAILED, _FULL, Place, ShardedGradient, check_shards, default_shards
from seqkit.training.trees import tree_sum

INPUTS = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.arange(1.0, 11.0)
START = Place(0, 0)


class Weighted(Head):
    """The squared error of rows that have weights, with dropout and a count of its batches."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.layer, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)
        self.dropout, self.forcing = nn.Dropout(dropout), TeacherForcing("linear", 0.0, 100)
        nn.init.constant_(self.layer.weight, 0.3)
        nn.init.zeros_(self.layer.bias)
        self.seen = []

    def loss(self, numbers):
        self.seen.append((self.forcing(), sorted(numbers)))
        rows, weights = INPUTS[numbers], WEIGHTS[numbers]
        errors = (self.dropout(self.layer(rows)) - 1).square().sum(1)
        return Loss((errors * weights).sum(), float(weights.sum()), items=len(numbers))

    def predict(self, batch):
        return []


class Numbers:
    def batch(self, group, carried=None):
        return group


def computed(head, shards, groups, threads=1, place=START):
    sharded = ShardedGradient(head, shards, 7, Processes(threads=threads))
    return sharded.compute(head.loss, Numbers(), groups, place, None, False).loss


@pytest.mark.parametrize("shards", [1, 3, 4, 16])
@pytest.mark.parametrize("groups", [[[*range(10)]], [[0, 1, 2, 3, 4, 5, 6], [7], [8, 9]]], ids=["one", "several"])
def test_the_loss_is_divided_by_the_weights_of_all_shards(shards, groups):
    head, expected = Weighted(), Weighted()
    loss = computed(head, shards, groups)
    whole = expected.loss([*range(10)])
    whole.mean.backward()
    torch.testing.assert_close(head.layer.weight.grad, expected.layer.weight.grad)
    assert (float(loss.sum), loss.count, loss.items) == (pytest.approx(whole.sum.item()), 55.0, 10)
    assert head.unused.weight.grad is None


def test_backward_passes_in_other_threads_change_no_bit():
    one, several = Weighted(0.5), Weighted(0.5)
    computed(one, 8, [[*range(10)], [3, 4, 5]], threads=1)
    computed(several, 8, [[*range(10)], [3, 4, 5]], threads=4)
    assert torch.equal(one.layer.weight.grad, several.layer.weight.grad)


def test_dropout_depends_on_the_place_and_not_on_what_was_drawn_before():
    found = []
    for seed, place in ((1, Place(0, 0)), (2, Place(0, 0)), (1, Place(0, 1)), (1, Place(1, 0))):
        head = Weighted(0.5)
        torch.manual_seed(seed)
        computed(head, 2, [[*range(10)]], place=place)
        found.append(head.layer.weight.grad)
    assert torch.equal(found[0], found[1])
    assert not any(torch.equal(found[0], other) for other in found[2:])


def test_teacher_forcing_counts_batches_and_no_shards():
    head = Weighted()
    computed(head, 4, [[*range(8)], [8, 9]])
    assert int(head.forcing.step) == 2
    assert [forcing for forcing, numbers in head.seen if min(numbers) < 8] == [1.0] * 4
    assert [forcing for forcing, numbers in head.seen if min(numbers) >= 8] == [0.99] * 2


def test_a_step_that_fails_counts_nothing():
    head = Weighted()
    with pytest.raises(IndexError):
        computed(head, 2, [[0, 1, 2], [99]])
    assert int(head.forcing.step) == 0


class BesideAnother(Processes):
    """The first of two processes; the second tells its state, and has no part in a loss."""

    state = 0.0

    def gather_facts(self, numbers, flags):
        told = [numbers, [self.state, *[0.0] * (len(numbers) - 1)]]
        return torch.tensor(told, dtype=torch.float64), torch.stack([flags, torch.zeros_like(flags)])

    def sum(self, vectors):
        return tree_sum([*vectors])


@pytest.mark.parametrize(
    ("state", "error", "words"), [(_FULL, OutOfMemory, "1 is out of memory"), (_FAILED, PeerLost, "1 .* has failed")]
)
def test_a_failure_of_another_process_ends_the_step_here_too_and_counts_nothing(state, error, words):
    head, processes = Weighted(), BesideAnother()
    sharded = ShardedGradient(head, 2, 7, processes)
    assert sharded.compute(head.loss, Numbers(), [[0, 1, 2]], START, None, False).loss.items == 3
    object.__setattr__(processes, "state", state)
    with pytest.raises(error, match=f"process {words}"):
        sharded.compute(head.loss, Numbers(), [[0, 1, 2]], START, None, False)
    assert int(head.forcing.step) == 1


def test_every_example_is_in_one_shard_and_shards_are_equally_long():
    pieces = cut([*range(11)], 4)
    assert sorted(number for piece in pieces for number in piece) == [*range(11)]
    assert {len(piece) for piece in pieces} == {2, 3}
    assert cut([5], 3) == [[5], None, None]


def test_the_streams_of_a_chunk_are_divided_with_their_state():
    batches = StreamBatches(torch.arange(200).numpy(), 5, 8, 0)
    piece = batches.plan(0)[0]
    whole = batches.batch(piece).tokens
    for shard, part in enumerate(cut(piece, 2)):
        assert torch.equal(batches.batch(part).tokens, whole[shard::2])
    assert cut(Piece(0, 9, range(1)), 2)[1] is None


@pytest.mark.parametrize(("processes", "shards"), [(1, 4), (2, 4), (3, 6), (4, 4), (8, 8), (10, 10)])
def test_unless_told_otherwise_there_are_four_shards_or_more_that_can_be_divided(processes, shards):
    assert default_shards(processes) == shards


def test_shards_that_cannot_be_divided_are_refused_with_the_numbers_that_fit():
    check_shards(8, 4)
    with pytest.raises(UsageError, match=r"8 shards .* among 3 processes; start 1, 2, 4 or 8, or .* --shards 6"):
        check_shards(8, 3)
