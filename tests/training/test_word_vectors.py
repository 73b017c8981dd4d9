"""Word vectors from a text."""

import random

import numpy as np
import pytest
import torch

from seqkit import UsageError
from seqkit.data.vectors import nearest
from seqkit.training.word_vectors import word_vectors

TOPICS = [range(0, 12), range(12, 24)]
"""Symbols that occur together; each text is of one topic."""


def texts(count=400):
    generator = random.Random(0)
    return [generator.choices(TOPICS[n % 2], k=8) for n in range(count)]


def test_words_that_keep_the_same_company_are_near_each_other():
    matrix = word_vectors(texts(), 24, 4)
    names = [str(number) for number in range(24)]
    for number in (0, 5, 17):
        topic = {str(n) for n in TOPICS[number >= 12]}
        assert {word for word, _ in nearest(str(number), names, matrix, 8)} < topic


def test_the_same_seed_gives_the_same_vectors_and_another_one_the_same_company():
    first, again, other = (word_vectors(texts(), 24, 4, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    # Another start of the search finds the same factors.
    torch.testing.assert_close(first @ first.T, other @ other.T, rtol=0, atol=1e-3)


def test_factors_are_those_of_an_exact_decomposition():
    rows, size, window = texts(60), 6, 3
    counts = np.zeros((24, 24))
    for row in rows:
        for i, one in enumerate(row):
            for j, two in enumerate(row):
                if 0 < abs(i - j) <= window:
                    counts[one, two] += 1 - (abs(i - j) - 1) / window
    context = counts.sum(0) ** 0.75
    with np.errstate(divide="ignore"):
        table = np.log(counts * context.sum() / np.outer(counts.sum(1), context))
    left, values, _ = np.linalg.svd(np.maximum(table, 0))
    wanted = left[:, :size] * np.sqrt(values[:size])
    wanted *= 0.1 / np.sqrt((wanted**2).mean())
    found = word_vectors(rows, 24, size, window).double()
    torch.testing.assert_close(found @ found.T, torch.from_numpy(wanted @ wanted.T), rtol=0, atol=1e-3)


def test_unknown_words_are_skipped_and_no_pair_crosses_two_texts():
    # 0 and 1 meet in no text; -1 is a word that is not known.
    matrix = word_vectors([[0, 2, -1], [1, 3, -1], [0, 2], [1, 3]] * 5, 5, 4)
    assert abs(float(torch.nn.functional.cosine_similarity(matrix[0], matrix[1], dim=0))) < 1e-4
    assert not matrix[4].any()


def test_counting_in_pieces_changes_nothing(monkeypatch):
    whole = word_vectors(texts(), 24, 4)
    monkeypatch.setattr("seqkit.training.word_vectors._CHUNK", 100)
    torch.testing.assert_close(word_vectors(texts(), 24, 4), whole)


def test_the_rarest_pairs_are_forgotten_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr("seqkit.training.word_vectors._MOST", 2)
    rows = [[2 * pair, 2 * pair + 1] for pair, times in enumerate([1, 2, 4, 8, 9]) for _ in range(times)]
    matrix = word_vectors(rows, 10, 4, window=1)
    assert (matrix.norm(dim=1) > 0.01).tolist() == [False] * 6 + [True] * 4


def test_words_are_near_up_to_five_tokens_apart_unless_told_otherwise():
    rows = texts(60)
    assert torch.equal(word_vectors(rows, 24, 4), word_vectors(rows, 24, 4, window=5))
    assert not torch.allclose(word_vectors(rows, 24, 4, window=4), word_vectors(rows, 24, 4, window=5))


def test_fewer_words_than_values_are_refused():
    with pytest.raises(UsageError, match="24 frequent words, too few for vectors of 24 values; lower --size"):
        word_vectors(texts(), 24, 24)
