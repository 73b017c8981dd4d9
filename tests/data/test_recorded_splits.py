"""Which example goes where, and in which order, as the first version drew it: its runs must still resume."""

import numpy as np
import pytest

from seqkit.data import Example, SourceLocation, split_off, stratified
from seqkit.data.corpus import Corpus, contiguous
from seqkit.data.frames import LabelledClip, clip_of, split_clips
from seqkit.data.pairs import Pair, split_pairs
from seqkit.data.pictures import Captioned, Picture, split_groups
from seqkit.data.tagged import Sentence, split_sentences


def at(number):
    """The number of an example is its line."""
    return SourceLocation("data", number)


def texts(count):
    return [Example(f"text {n * n % 23}", "abc"[n % 3 if n % 5 else 0], at(n)) for n in range(count)]


def pairs(count):
    return [Pair(f"source {n}", ("target",), at(n)) for n in range(count)]


def sentences(count):
    return [Sentence((f"word{n * n % 11}",), ("X",), at(n)) for n in range(count)]


def pictures(count):
    return [Captioned(Picture(str(n), "", np.zeros(1)), ("a",), f"group {n * n % 13}", at(n)) for n in range(count)]


def clips(count):
    features = [np.full((1, 1), float(n * n % 13)) for n in range(count)]
    return [LabelledClip(clip_of(str(n), values), ("a",), at(n)) for n, values in enumerate(features)]


def numbers(examples):
    return [example.location.line for example in examples]


# Arguments; then the numbers of the examples for training, validation and test, in their order.
RECORDED = [
    (stratified, texts(12), (0.1, 0.1, 0), [0, 3, 6, 7, 10, 11], [4, 5, 8], [1, 2, 9]),
    (
        stratified, texts(30), (0.1, 0.2, 0),
        [0, 3, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17, 20, 23, 26, 29],
        [4, 5, 18, 19, 27, 28], [1, 2, 8, 15, 21, 22, 24, 25],
    ),
    (
        stratified, texts(30), (0.1, 0.2, 1),
        [0, 2, 6, 7, 8, 9, 11, 12, 14, 15, 16, 17, 21, 23, 25, 29],
        [3, 4, 19, 20, 26, 27], [1, 5, 10, 13, 18, 22, 24, 28],
    ),
    (
        stratified, texts(41), (0.25, 0.25, 7),
        [0, 2, 3, 4, 5, 8, 15, 18, 19, 20, 21, 23, 25, 26, 27, 28, 31, 38],
        [6, 7, 16, 17, 29, 30, 39, 40], [1, 9, 10, 11, 12, 13, 14, 22, 24, 32, 33, 34, 35, 36, 37],
    ),
    (split_pairs, pairs(3), (0.1, 0.1, 0), [1], [0], [2]),
    (split_pairs, pairs(16), (0.2, 0.3, 0), [13, 7, 8, 4, 0, 6, 15, 12], [10, 14, 5], [1, 9, 2, 3, 11]),
    (split_pairs, pairs(16), (0.2, 0.3, 1), [7, 11, 15, 1, 12, 13, 9, 4], [2, 10, 0], [14, 6, 5, 3, 8]),
    (
        split_pairs, pairs(16), (0.2, 0.3, 1, ["test"]),
        [14, 6, 5, 3, 8, 7, 11, 15, 1, 12, 13, 9, 4], [2, 10, 0], [],
    ),
    (
        split_pairs, pairs(16), (0.2, 0.3, 1, ["valid"]),
        [5, 3, 8, 7, 11, 15, 1, 12, 13, 9, 4], [], [2, 10, 0, 14, 6],
    ),
    (split_pairs, pairs(8), (0.1, 0.0, 4, ["test"]), [6, 5, 4, 7, 0, 2, 3], [1], []),
    (split_sentences, sentences(9), (0.1, 0.1, 0), [4, 7, 2, 1, 0], [3, 8], [5, 6]),
    (
        split_sentences, sentences(24), (0.1, 0.2, 0),
        [4, 7, 15, 18, 2, 9, 13, 20, 1, 10, 12, 21, 23], [3, 8, 14, 19], [5, 6, 16, 17, 0, 11, 22],
    ),
    (
        split_sentences, sentences(24), (0.1, 0.2, 1),
        [2, 9, 13, 20, 3, 8, 14, 19, 5, 6, 16, 17], [1, 10, 12, 21, 23], [4, 7, 15, 18, 0, 11, 22],
    ),
    (
        split_sentences, sentences(24), (0.0, 0.2, 1),
        [2, 9, 13, 20, 3, 8, 14, 19, 5, 6, 16, 17, 0, 11, 22, 4, 7, 15, 18], [], [1, 10, 12, 21, 23],
    ),
    (
        split_sentences, sentences(24), (0.2, 0.0, 1),
        [2, 9, 13, 20, 3, 8, 14, 19, 5, 6, 16, 17, 0, 11, 22, 4, 7, 15, 18], [1, 10, 12, 21, 23], [],
    ),
    (
        split_sentences, sentences(30), (0.4, 0.5, 2),
        [2, 9, 13, 20, 24],
        [0, 11, 22, 5, 6, 16, 17, 27, 28, 4, 7, 15, 18, 26, 29], [1, 10, 12, 21, 23, 3, 8, 14, 19, 25],
    ),
    (split_groups, pictures(6), (0.1, 0.1, 0), [0, 1, 3, 4], [5], [2]),
    (
        split_groups, pictures(24), (0.1, 0.2, 0),
        [0, 1, 2, 3, 5, 8, 10, 11, 12, 13, 14, 15, 16, 18, 21, 23], [6, 7, 19, 20], [4, 9, 17, 22],
    ),
    (
        split_groups, pictures(24), (0.2, 0.1, 1),
        [0, 1, 2, 4, 6, 7, 9, 11, 12, 13, 14, 15, 17, 19, 20, 22], [3, 10, 16, 23], [5, 8, 18, 21],
    ),
    (
        split_groups, pictures(20), (0.45, 0.45, 2),
        [0, 2, 3, 10, 11, 13, 15, 16], [1, 4, 9, 12, 14, 17], [5, 6, 7, 8, 18, 19],
    ),
    (split_clips, clips(6), (0.1, 0.1, 0), [0, 1, 2, 5], [4], [3]),
    (
        split_clips, clips(24), (0.1, 0.2, 0),
        [0, 2, 3, 4, 6, 7, 9, 10, 11, 13, 15, 16, 17, 19, 20, 22, 23], [1, 12, 14], [5, 8, 18, 21],
    ),
    (
        split_clips, clips(24), (0.2, 0.1, 1),
        [1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 14, 15, 16, 18, 19, 20, 21, 23], [0, 13], [4, 9, 17, 22],
    ),
    (
        split_clips, clips(20), (0.45, 0.45, 2),
        [0, 3, 6, 7, 10, 13, 16, 19], [2, 5, 8, 11, 15, 18], [1, 4, 9, 12, 14, 17],
    ),
    (
        split_clips, clips(20), (0.0, 0.2, 3),
        [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18], [], [6, 7, 19],
    ),
    (
        split_clips, clips(20), (0.2, 0.0, 3),
        [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18], [6, 7, 19], [],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("split", "examples", "arguments", "train", "valid", "test"), RECORDED)
def test_every_example_goes_where_it_went(split, examples, arguments, train, valid, test):
    splits = split(examples, *arguments)
    assert [numbers(splits.train), numbers(splits.valid), numbers(splits.test)] == [train, valid, test]


@pytest.mark.parametrize(
    ("count", "fraction", "seed", "drawn"),
    [
        (20, 0.3, 5, [4, 6, 10, 13, 17, 19]),
        (20, 0.0, 5, []),
        (41, 0.5, 2, [1, 2, 5, 6, 7, 9, 14, 16, 17, 18, 21, 22, 24, 25, 28, 29, 30, 32, 37, 39, 40]),
    ],
)
def test_what_is_split_off_is_what_was_split_off(count, fraction, seed, drawn):
    left, off = split_off(texts(count), fraction, seed)
    assert numbers(off) == drawn
    assert numbers(left) == [n for n in range(count) if n not in drawn]


@pytest.mark.parametrize(
    ("text", "fractions", "edges"),
    [
        ("a" * 100, [0.8, 0.1, 0.1], [(0, 80), (80, 90), (90, 100)]),
        ("é" * 50, [0.75, 0.15, 0.1], [(0, 76), (76, 90), (90, 100)]),
        ("aé€😀" * 9, [0.5, 0.3, 0.2], [(0, 46), (46, 73), (73, 90)]),
        ("ab\n" * 11, [0.9, 0.1], [(0, 29), (29, 33)]),
    ],
)
def test_a_text_is_cut_where_it_was_cut(text, fractions, edges):
    stretches = contiguous(Corpus("text", (text.encode(),)), fractions)
    assert [(stretch.start, stretch.stop) for stretch in stretches] == edges
