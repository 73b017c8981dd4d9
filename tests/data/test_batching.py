"""What batching promises: every example once, no batch too large, one order for one seed."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.batching import pad, token_batches

modest = settings(max_examples=100, deadline=None, derandomize=True)
lengths = st.lists(st.integers(0, 40), max_size=60)


@modest
@given(lengths=lengths, budget=st.integers(1, 100), rows=st.integers(1, 9), seed=st.none() | st.integers(0, 3))
def test_every_example_is_in_one_batch_within_the_budget(lengths, budget, rows, seed):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    batches = token_batches(lengths, budget, rows, generator)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= rows
        tokens, _ = pad([[1] * lengths[index] for index in batch])
        assert tokens.numel() <= budget or len(batch) == 1


@modest
@given(lengths=lengths)
def test_without_a_generator_batches_run_from_short_to_long_and_ties_keep_their_order(lengths):
    flat = [index for batch in token_batches(lengths, 50, 4) for index in batch]
    assert flat == sorted(range(len(lengths)), key=lambda index: lengths[index])


def test_a_generator_in_the_same_state_gives_the_same_batches():
    sizes = list(range(1, 200))
    first, again, other = (token_batches(sizes, 300, 8, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_random_batches_carry_little_padding():
    draw = torch.Generator().manual_seed(0)
    sizes = torch.randint(1, 400, (4000,), generator=draw).tolist()
    batches = token_batches(sizes, 4000, 64, draw)
    area = sum(len(batch) * max(sizes[index] for index in batch) for batch in batches)
    # Random grouping of these lengths would be about half padding.
    assert sum(sizes) / area > 0.9
    assert [max(sizes[i] for i in batch) for batch in batches] != sorted(max(sizes[i] for i in b) for b in batches)


def test_rows_are_filled_up_on_the_right():
    tokens, lengths = pad([[5, 6], torch.tensor([7]), []], value=9)
    assert tokens.tolist() == [[5, 6], [7, 9], [9, 9]]
    assert lengths.tolist() == [2, 1, 0]
    assert tokens.dtype == lengths.dtype == torch.int64


def test_even_empty_rows_have_one_step():
    tokens, lengths = pad([[], []])
    assert tokens.shape == (2, 1)
    assert lengths.tolist() == [0, 0]
