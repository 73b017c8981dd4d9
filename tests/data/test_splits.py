"""What the splits promise: the same mix of labels everywhere, no text in two splits, one result for one seed."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.readers import DataError, Example, SourceLocation
from seqkit.data.splits import check_classes, ordered_splits, shared_texts, split_off, stratified
from seqkit.errors import UsageError

modest = settings(max_examples=60, deadline=None, derandomize=True)


def examples(pairs):
    return [Example(text, label, SourceLocation("d.csv", line)) for line, (text, label) in enumerate(pairs, 2)]


def plain(**sizes):
    return examples((f"{label} {number}", label) for label, size in sizes.items() for number in range(size))


labelled = st.lists(st.tuples(st.integers(0, 30).map(str), st.sampled_from("ab")), min_size=1, max_size=80).map(
    examples
)


def test_every_split_has_the_same_mix_of_labels():
    splits = stratified(plain(good=100, bad=50), valid_fraction=0.1, test_fraction=0.2, seed=1)
    assert Counter(example.label for example in splits.test) == {"good": 20, "bad": 10}
    assert Counter(example.label for example in splits.valid) == {"good": 10, "bad": 5}
    assert Counter(example.label for example in splits.train) == {"good": 70, "bad": 35}


@modest
@given(data=labelled, seed=st.integers(0, 5))
def test_no_example_is_lost_and_no_text_is_in_two_splits(data, seed):
    splits = stratified(data, 0.2, 0.2, seed)
    assert sorted(e.location.line for split in (splits.train, splits.valid, splits.test) for e in split) == [
        e.location.line for e in data
    ]
    assert shared_texts(splits.train, splits.test) == shared_texts(splits.train, splits.valid) == 0
    assert shared_texts(splits.valid, splits.test) == 0


@modest
@given(data=labelled, seed=st.integers(0, 5), fraction=st.sampled_from([0.1, 0.3, 0.5]))
def test_a_split_misses_its_size_by_less_than_one_group_of_each_class(data, seed, fraction):
    _, split = split_off(data, fraction, seed)
    largest = max(Counter(example.text for example in data).values())
    # Two classes, each off by one group at most and by the rounding of its own size.
    assert abs(len(split) - fraction * len(data)) <= 2 * (largest + 0.5)


def test_texts_that_differ_in_outer_space_only_are_the_same_text():
    data = examples([("same", "a"), (" same ", "b"), *((str(number), "ab"[number % 2]) for number in range(20))])
    for seed in range(10):
        splits = stratified(data, 0.25, 0.25, seed)
        three = (splits.train, splits.valid, splits.test)
        assert sum(any(e.text.strip() == "same" for e in split) for split in three) == 1


def test_forms_of_unicode_are_the_same_text():
    texts = [f"caf\u00e9 {n}" for n in range(20)] + [f"cafe\u0301 {n}" for n in range(20)]
    splits = stratified(examples((text, "a") for text in texts), 0.2, 0.2, 1)
    numbers = [{example.text.split()[1] for example in split} for split in (splits.train, splits.valid, splits.test)]
    assert all(numbers) and not numbers[0] & numbers[1] and not numbers[0] & numbers[2] and not numbers[1] & numbers[2]


def test_the_order_of_sequences_does_not_decide_where_each_is():
    names = [f"clip {n}" for n in range(20)]
    first, second = (ordered_splits(each, str, 0.2, 0.2, 1, "clip") for each in (names, names[::-1]))
    assert [set(first.train), set(first.valid), set(first.test)] == [
        set(second.train), set(second.valid), set(second.test),
    ]  # fmt: skip


def test_a_seed_decides_everything():
    data = plain(a=40, b=40)
    assert stratified(data, 0.2, 0.2, 7) == stratified(data, 0.2, 0.2, 7)
    assert stratified(data, 0.2, 0.2, 7) != stratified(data, 0.2, 0.2, 8)


def test_the_hash_seed_decides_nothing():
    program = (
        "from seqkit.data import Example, SourceLocation, split_off\n"
        "data = [Example(f't{n}', 'xyz'[n % 3], SourceLocation('f', n)) for n in range(60)]\n"
        "print([e.location.line for e in split_off(data, 0.3, 5)[1]])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_the_smallest_class_that_passes_the_check_is_in_every_split():
    data = plain(big=30, small=3)
    check_classes(data)
    splits = stratified(data, 0.1, 0.1, 3)
    assert all("small" in {e.label for e in split} for split in (splits.train, splits.valid, splits.test))


def test_nothing_requested_is_nothing_taken():
    left, off = split_off(plain(a=5, b=5), 0.0, 1)
    assert (len(left), off) == (10, [])


def test_the_last_text_of_a_class_stays_for_training():
    left, off = split_off(plain(a=10, b=1), 0.5, 1)
    assert "b" in {e.label for e in left}
    assert "b" not in {e.label for e in off}


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.1, 1.0), (0.1, -0.2)])
def test_fractions_that_leave_nothing_are_refused(valid, test):
    with pytest.raises(UsageError):
        stratified(plain(a=5, b=5), valid, test, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "^there are no examples"),
        (plain(a=5), r"^d\.csv:2: there is only one class, 'a'; add examples"),
        (plain(a=5, b=2), r"^d\.csv:7: class 'b' has 2 different texts.*add examples"),
        (
            examples([("x", "a"), ("y", "a"), ("z", "a"), *[("same", "b")] * 9]),
            r"^d\.csv:5: class 'b' has 1 different text,",
        ),
    ],
)
def test_classes_that_cannot_be_split_are_named_with_their_location(data, message):
    with pytest.raises(DataError, match=message):
        check_classes(data)


def test_shared_texts_counts_the_texts_that_both_have():
    assert shared_texts(examples([("x", "a"), ("y", "a")]), examples([("x ", "b"), ("z", "b")])) == 1
