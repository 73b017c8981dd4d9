"""The baseline is interpolated Witten-Bell, against its formula."""

import math

import numpy as np
import pytest

from seqkit.topologies.next_step.baseline import witten_bell

SYMBOLS = 7


def numbers(count, seed=0):
    return np.random.default_rng(seed).integers(2, SYMBOLS, count)


def probability(train, history, token, symbols):
    """Witten-Bell by its formula, counting anew each time."""
    lower = probability(train, history[1:], token, symbols) if history else 1 / symbols
    size = len(history)
    after = [train[n + size] for n in range(len(train) - size) if tuple(train[n : n + size]) == history]
    kinds = len(set(after))
    return (after.count(token) + kinds * lower) / (len(after) + kinds) if after else lower


def test_the_baseline_is_interpolated_witten_bell():
    train, test = numbers(120, 1) % 4, numbers(30, 2) % 5
    both = [*train.tolist(), *test.tolist()]
    expected = -sum(
        math.log(
            # A history is what lies before the token, and the test split follows the training split.
            probability(train.tolist(), tuple(both[place - 4 : place]), both[place], SYMBOLS)
        )
        for place in range(120, 150)
    )
    assert witten_bell(train, test, SYMBOLS).sum() == pytest.approx(expected, rel=1e-9)
