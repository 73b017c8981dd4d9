"""What a report says: resampled scores, calibration, and a page that shows data as text."""

import math
import random
import re
import time
from itertools import product

import numpy as np
import pytest
import torch
from seqkit.tasks import charlm

from seqkit.data import Vocabulary, tokenizer
from seqkit.drawing.curves import calibration_curve, loss_curves, metric_curve
from seqkit.report.comparison import Finished, compared, tables
from seqkit.scores.calibration import calibrate
from seqkit.scores.resampling import interval, paired_p_value, resample


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


def test_an_interval_of_right_answers_is_about_that_of_the_binomial_distribution():
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


def test_the_pieces_of_a_long_text_cost_together_what_the_text_does():
    torch.manual_seed(0)
    text = "".join(random.Random(0).choices("abc ", k=20_000))
    config = charlm.TASK.config(hidden_size=4, embedding_size=4)
    codec = charlm.StreamCodec(tokenizer("char"), Vocabulary.build([list(text)], 1, 100))
    (whole,) = charlm.TASK.build_head(config, codec).eval().predict([codec.encode(text)])
    pieces = [piece for piece, _ in charlm.TASK.resampling_units(whole, None)]
    assert len(pieces) == 32 and max(piece.tokens for piece in pieces) <= 1024
    assert sum(piece.tokens for piece in pieces) == sum(piece.characters for piece in pieces) == 20_000
    assert sum(piece.nats for piece in pieces) == pytest.approx(whole.nats, rel=1e-9)
    assert charlm.TASK.score(pieces, [])["bpc"] == pytest.approx(charlm.TASK.score([whole], [])["bpc"])
    assert "pieces" not in charlm.TASK.format_prediction(whole)[1]


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


def test_the_calibration_error_of_five_answers_by_hand():
    found = calibrate([(0.95, True), (0.92, False), (0.55, True), (0.51, True), (1.0, True)])
    assert [(b.low, b.answers) for b in found.bins] == [(0.5, 2), (0.9, 3)]
    assert found.bins[1].sure == pytest.approx((0.95 + 0.92 + 1.0) / 3) and found.bins[1].right == pytest.approx(2 / 3)
    assert found.error == pytest.approx((2 * abs(1 - 0.53) + 3 * abs(2 / 3 - 2.87 / 3)) / 5)
    assert calibrate([]) == ([], 0.0, 0)


HISTORY = [{"epoch": n, "train_loss": 1 / n, "loss": 1.2 / n, "f1_marks": n / 10} for n in range(1, 6)]


def test_plots_take_their_colours_from_the_page_and_their_letters_are_text():
    bins = [{"low": 0.5, "high": 0.6, "answers": 3, "sure": 0.55, "right": 2 / 3}]
    for plot in (loss_curves(HISTORY, 4), metric_curve(HISTORY, "f1_marks", 4), calibration_curve(bins)):
        assert plot.startswith('<svg role="img" aria-label="') and "currentColor" in plot and "var(--pale)" in plot
        # Only the paper behind, which is not drawn, keeps a colour of its own.
        assert not re.search(r"#fe0\d0\d|(fill|stroke): #(?!ffffff)[0-9a-f]{6}", plot)
        assert "<text" in plot and not re.search(r"<svg[^>]* (width|height)=", plot)
    assert loss_curves(HISTORY, 4) == loss_curves(HISTORY, 4)


def test_a_loss_that_is_no_number_leaves_a_gap():
    assert "NaN" not in loss_curves([{**HISTORY[0], "loss": math.nan}, *HISTORY[1:]], 4).replace("nan", "NaN")


def finished(score, samples, data="a", seconds=2.0):
    results = {"task": "toy", "metric": "accuracy", "better": "higher", "test": {"accuracy": score}}
    results |= {"baseline": {"accuracy": 0.5}, "parameters": 10, "seconds": seconds, "peak_memory_mb": 100.0}
    return Finished(results, samples, data)


def test_a_comparison_tells_means_deviations_and_who_differs():
    (good, samples), (bad, others) = judged(answered(0, 0.9)), judged(answered(0, 0.5))
    facts = compared({"rnn": [finished(bad, others), finished(bad, others)], "gru": [finished(good, samples)] * 2})
    assert facts["cells"]["gru"]["mean"] == pytest.approx(good) and facts["cells"]["gru"]["deviation"] == 0
    (pair,) = facts["p_values"]
    assert pair["cells"] == ["rnn", "gru"] and pair["difference"] == pytest.approx(bad - good) and pair["p"] < 0.01
    assert tables(facts)[0].rows[0][:3] == ["rnn", f"{bad:.4f} ± 0.0000", "0.5000 ± 0.0000"]


def test_runs_on_other_test_parts_have_no_p_value():
    score, samples = judged(answered(0, 0.9))
    facts = compared({"rnn": [finished(score, samples, "a")], "gru": [finished(score, samples, "b")]})
    assert facts["p_values"][0]["p"] is None and facts["cells"]["rnn"]["deviation"] is None
    assert tables(facts)[1].rows == [["rnn – gru", "+0.0000", "–"]]
