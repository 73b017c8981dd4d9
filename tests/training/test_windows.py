"""Batches of a split that is read from disk: every example once an epoch, of similar length, in one order."""

import numpy as np
import pytest

from seqkit.config import TrainingConfig
from seqkit.training.windows import WindowBatches, WindowPlan


@pytest.fixture
def steps():
    return np.random.default_rng(0).integers(1, 200, 5000).astype(np.uint32)


def config(**options):
    return TrainingConfig(**{"batch_size": 8, "batch_tokens": 600, "seed": 5, **options})


def test_an_epoch_has_every_example_once(steps):
    plan = WindowPlan(steps, config(), 0)
    assert sorted(number for batch in plan for number in batch) == list(range(5000))


def test_batches_are_as_large_as_they_may_be(steps):
    for batch in WindowPlan(steps, config(), 0):
        assert len(batch) <= 8
        assert len(batch) * steps[batch].max() <= 600 or len(batch) == 1


def test_an_example_longer_than_a_batch_is_one_of_its_own():
    plan = WindowPlan(np.array([1, 900, 2], np.uint32), config(), 0)
    assert sorted(map(sorted, plan)) == [[0, 2], [1]]


def test_batches_have_similar_lengths(steps):
    padded = sum(len(batch) * steps[batch].max() for batch in WindowPlan(steps, config(), 0))
    assert padded < 1.1 * steps.sum()


def test_the_order_follows_from_the_seed_and_the_epoch(steps):
    first = list(WindowPlan(steps, config(), 3))
    assert first == list(WindowPlan(steps, config(), 3))
    assert first != list(WindowPlan(steps, config(), 4))
    assert first != list(WindowPlan(steps, config(seed=6), 3))


def test_a_batch_can_be_requested_from_anywhere(steps):
    """As a run does that is resumed."""
    plan, whole = WindowPlan(steps, config(), 0), list(WindowPlan(steps, config(), 0))
    assert [plan[number] for number in (700, 3, len(whole) - 1)] == [whole[700], whole[3], whole[-1]]
    assert plan[len(whole) - 2 : len(whole) + 5] == whole[-2:]
    with pytest.raises(IndexError):
        plan[len(whole)]


def test_only_the_examples_of_a_batch_are_read():
    read = []

    class Items:
        def __len__(self):
            return 100

        def read(self, numbers):
            read.extend(numbers)
            return numbers

        def steps(self, length):
            return np.full(100, 3, np.uint32)

    class Collator:
        length = staticmethod(lambda item: 3)
        collate = staticmethod(list)

    batches = WindowBatches(Collator(), Items(), config())
    group = batches.plan(0)[2]
    assert not read
    assert batches.batch(group[::2]) == group[::2] == read
