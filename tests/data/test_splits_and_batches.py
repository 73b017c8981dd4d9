from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import DataError, Example, Place, check_classes, shared_texts, split_off, stratified
from seqkit.data.batching import pad, token_batches

quick = settings(max_examples=100, deadline=None, derandomize=True)


def example(text, label, line=1):
    return Example(text, label, Place("a.csv", line))


def test_parts_are_stratified_and_of_the_size_asked_for():
    examples = [example(f"text {n}", "rare" if n % 10 == 0 else "common") for n in range(1000)]
    splits = stratified(examples, 0.1, 0.2, seed=3)
    for part, size in ((splits.train, 700), (splits.valid, 100), (splits.test, 200)):
        counts = Counter(e.label for e in part)
        assert abs(len(part) - size) <= 2
        assert abs(counts["rare"] - size / 10) <= 1


@quick
@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("xy")), min_size=1), st.integers(0, 99))
def test_parts_share_no_text_and_lose_none(rows, seed):
    examples = [example(str(text), label, line) for line, (text, label) in enumerate(rows)]
    splits = stratified(examples, 0.1, 0.1, seed)
    assert shared_texts(splits.train, [*splits.valid, *splits.test]) == 0
    assert shared_texts(splits.valid, splits.test) == 0
    everything = [*splits.train, *splits.valid, *splits.test]
    assert sorted(e.place.line for e in everything) == list(range(len(rows)))


def test_the_seed_alone_decides():
    examples = [example(f"text {n}", "xy"[n % 2]) for n in range(100)]
    assert stratified(examples, 0.1, 0.1, 1) == stratified(examples, 0.1, 0.1, 1)
    assert stratified(examples, 0.1, 0.1, 1) != stratified(examples, 0.1, 0.1, 2)


def test_every_label_is_in_every_part_even_of_three_texts():
    examples = [example(f"{label}{n}", label) for label in "xy" for n in range(3)]
    splits = stratified(examples, 0.1, 0.1, 0)
    assert [sorted(e.label for e in part) for part in (splits.train, splits.valid, splits.test)] == [["x", "y"]] * 3


def test_too_few_classes_or_texts_are_named():
    with pytest.raises(DataError, match=r"a.csv:1: there is only one class, 'x'"):
        check_classes([example("a", "x"), example("b", "x")])
    rows = [example(t, "x") for t in "abc"] + [example("d", "y", 7)]
    with pytest.raises(DataError, match=r"a.csv:7: class 'y' has 1 different text, .* need 3"):
        check_classes(rows)
    check_classes([*rows, example("e", "y"), example("f", "y")])


def test_a_part_taken_off_leaves_something():
    left, part = split_off([example("a", "x"), example("b", "x")], 0.9, 0)
    assert len(left) == len(part) == 1


@quick
@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 50), st.integers(1, 9), st.booleans())
def test_batches_hold_every_example_once_within_the_budget(lengths, tokens, rows, shuffled):
    generator = torch.Generator().manual_seed(5) if shuffled else None
    batches = token_batches(lengths, tokens, rows, generator)
    assert sorted(n for batch in batches for n in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * max(lengths[n] for n in batch) <= tokens


def test_batches_follow_from_the_generator_and_pad_little():
    lengths = torch.randint(1, 60, (2000,), generator=torch.Generator().manual_seed(0)).tolist()
    first, second, third = (token_batches(lengths, 1000, 64, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert first == second != third
    padded = sum(len(batch) * max(lengths[n] for n in batch) for batch in first)
    assert padded < 1.1 * sum(lengths)


def test_padding_fills_up_and_an_empty_row_is_fine():
    tokens, lengths = pad([[1, 2], [], torch.tensor([3])], value=9)
    assert tokens.tolist() == [[1, 2], [9, 9], [3, 9]]
    assert lengths.tolist() == [2, 0, 1]
    assert pad([[]])[0].shape == (1, 1)
