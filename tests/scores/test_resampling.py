"""Resampled scores and paired differences, against counts by hand, the binomial distribution and McNemar's test."""

import math
import random
import time
from itertools import product

import numpy as np
import pytest

from seqkit.scores.resampling import difference_interval, interval, paired_p_value, resample


def accuracy(predictions, examples):
    return {"accuracy": sum(p == e for p, e in zip(predictions, examples, strict=True)) / len(examples)}


def test_resamples_are_spread_as_all_draws_from_three_examples_are():
    # Of three examples one is right: a draw has Binomial(3, 1/3) right ones; the 27 draws counted by hand.
    found = resample(accuracy, [1, 0, 0], [1, 1, 1]).scores["accuracy"]
    every = [sum(draw) / 3 for draw in product([1, 0, 0], repeat=3)]
    assert len(found) == 1000 and {round(v, 6) for v in found} == {round(v, 6) for v in every}
    for value in set(every):
        # Four deviations of a part of 1000.
        assert abs(np.isclose(found, value).mean() - np.isclose(every, value).mean()) < 4 * math.sqrt(0.25 / 1000)


def test_an_interval_holds_the_middle_95_percent_of_many_resamples():
    low, high = interval([n / 1000 for n in range(1001)], 0.5)
    assert (low, high) == (pytest.approx(0.025), pytest.approx(0.975))


def test_an_interval_of_few_resamples_reaches_two_deviations_to_either_side():
    # Deviation of 1..20, by hand: sqrt(20 · 21 / 12) = sqrt(35).
    low, high = interval(list(range(1, 21)), 10.0)
    assert (low, high) == (pytest.approx(10 - 1.959964 * math.sqrt(35)), pytest.approx(10 + 1.959964 * math.sqrt(35)))


def test_an_interval_of_correct_answers_is_about_that_of_the_binomial_distribution():
    truth = [1] * 400
    found = resample(accuracy, [1] * 300 + [0] * 100, truth).scores["accuracy"]
    low, high = interval(found, 0.75)
    reach = 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - reach, abs=0.01) and high == pytest.approx(0.75 + reach, abs=0.01)


def test_scoring_that_takes_long_is_resampled_less_or_not_at_all():
    def slow(predictions, examples):
        time.sleep(0.002)
        return accuracy(predictions, examples)

    assert resample(slow, [1, 0], [1, 1], seconds=1.0).resamples in (20, 50, 100, 200, 500)
    assert resample(slow, [1, 0], [1, 1], seconds=0.01) == ({}, 0, 2)
    assert resample(accuracy, [1], [1]) == ({}, 0, 1)


def answered(seed, right, size=300):
    generator = random.Random(seed)
    return [int(generator.random() < right) for _ in range(size)]


def judged(predictions):
    truth = [1] * len(predictions)
    return accuracy(predictions, truth)["accuracy"], resample(accuracy, predictions, truth).scores["accuracy"]


def test_a_model_does_not_differ_from_itself():
    one = [judged(answered(seed, 0.8)) for seed in range(3)]
    assert paired_p_value(one, one) == 1.0


def test_models_far_apart_differ_and_the_order_does_not_matter():
    good, bad = ([judged(answered(seed, right)) for seed in range(3)] for right in (0.9, 0.6))
    assert paired_p_value(good, bad) == paired_p_value(bad, good) == pytest.approx(1 / 1001)


def test_the_p_value_is_that_of_mcnemar_where_one_example_in_thirty_is_told_apart():
    # 10 examples only the first has right, 4 only the second; exact two-sided sign test: 2 P(X <= 4), X ~ B(14, 1/2).
    first, second = [1] * 290 + [0] * 10, [0] * 10 + [1] * 280 + [0] * 6 + [1] * 4
    exact = 2 * sum(math.comb(14, n) for n in range(5)) / 2**14
    assert paired_p_value([judged(first)], [judged(second)]) == pytest.approx(exact, abs=0.08)


def test_p_values_of_models_that_are_alike_are_spread_evenly():
    values = [paired_p_value([judged(answered(n, 0.7, 100))], [judged(answered(n + 500, 0.7, 100))]) for n in range(60)]
    assert np.mean(np.array(values) < 0.1) < 0.25 and 0.3 < np.mean(values) < 0.75


def test_without_resamples_there_is_no_p_value():
    assert paired_p_value([(0.5, [])], [(0.6, [])]) is None


def test_a_difference_is_taken_over_the_resamples_that_both_models_have():
    # A score that is quicker to compute has more resamples; the draws are the same.
    first, second = [float(n % 7) for n in range(500)], [float(n % 5) for n in range(200)]
    expected = interval(np.subtract(first[:200], second).tolist(), 0.5)
    assert difference_interval(first, second, 0.5) == expected
    assert difference_interval(second, first, -0.5) == pytest.approx((-expected[1], -expected[0]))
    assert difference_interval(first, [1.0], 0.5) is None and difference_interval([], second, 0.5) is None
