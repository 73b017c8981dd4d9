"""The table of a comparison: means, deviations, and which cells differ."""

import random

import pytest

from seqkit.report.comparison import FinishedRun, apart, compared, plot, tables
from seqkit.report.comparison_page import comparison_page
from seqkit.scores.resampling import resample


def accuracy(predictions, examples):
    return {"accuracy": sum(p == e for p, e in zip(predictions, examples, strict=True)) / len(examples)}


def answered(seed, right, size=300):
    generator = random.Random(seed)
    return [int(generator.random() < right) for _ in range(size)]


def judged(predictions):
    truth = [1] * len(predictions)
    return accuracy(predictions, truth)["accuracy"], resample(accuracy, predictions, truth).scores["accuracy"]


def finished(score, samples, data="a", seconds=2.0):
    results = {"task": "toy", "metric": "accuracy", "better": "higher", "test": {"accuracy": score}}
    results |= {"baseline": {"accuracy": 0.5}, "parameters": 10, "seconds": seconds, "peak_memory_mb": 100.0}
    return FinishedRun(results, samples, data)


def test_a_comparison_has_means_deviations_and_which_cells_differ():
    (good, samples), (bad, others) = judged(answered(0, 0.9)), judged(answered(0, 0.5))
    facts = compared({"rnn": [finished(bad, others), finished(bad, others)], "gru": [finished(good, samples)] * 2})
    assert facts["cells"]["gru"]["mean"] == pytest.approx(good) and facts["cells"]["gru"]["deviation"] == 0
    (pair,) = facts["p_values"]
    assert pair["cells"] == ["rnn", "gru"] and pair["difference"] == pytest.approx(bad - good) and pair["p"] < 0.01
    assert tables(facts)[0].rows[0][:3] == ["rnn", f"{bad:.4f} ± 0.0000", "0.5000 ± 0.0000"]


def test_runs_on_other_test_splits_have_no_p_value():
    score, samples = judged(answered(0, 0.9))
    facts = compared({"rnn": [finished(score, samples, "a")], "gru": [finished(score, samples, "b")]})
    assert facts["p_values"][0]["p"] is None and facts["cells"]["rnn"]["deviation"] is None
    assert tables(facts)[1].rows == [["rnn – gru", "+0.0000", "–"]]


def test_the_plot_of_the_same_comparison_has_the_same_bytes():
    # The SVG had the date and random identifiers, so a comparison that was killed and repeated ended with another one.
    score, samples = judged(answered(0, 0.9))
    first, second = (plot(compared({"rnn": [finished(score, samples)]})) for _ in range(2))
    assert first == second
    assert b"<dc:date>" not in first["compare.svg"]


def test_the_page_names_all_that_are_best_and_says_if_none_is_better_than_its_baseline():
    better, samples = judged(answered(0, 0.9))
    worse, others = judged(answered(0, 0.3))
    page = comparison_page(compared({"rnn": [finished(better, samples)], "gru": [finished(worse, others)]}))
    assert "Best of the cells on the test split: rnn, accuracy" in page and "None is better" not in page
    page = comparison_page(compared({"rnn": [finished(worse, others)], "gru": [finished(worse, others)]}))
    assert "Best of the cells on the test split: rnn and gru, accuracy" in page
    assert "None is better than its baseline." in page


def of_lengths(score, baseline, data="a"):
    run = finished(score, [score] * 200, data)
    run.results["test"] |= {"accuracy_10": score, "accuracy_20": score / 2}
    run.results["baseline"] |= {"accuracy_10": baseline, "accuracy_20": baseline}
    return run


def test_one_score_of_each_is_named_by_its_metric_and_several_are_averages():
    one, two = finished(0.5, [0.5] * 200), finished(0.75, [0.75] * 200)
    assert tables(compared({"rnn": [one]}))[0].columns[1] == "accuracy"
    first = tables(compared({"rnn": [one, two]}))[0]
    assert first.columns[1] == "average ± deviation" and first.title.endswith("; 2 seeds")


def test_what_was_scored_on_other_test_splits_has_its_own_baseline_and_a_sentence_says_so():
    same = compared({"rnn": [of_lengths(0.9, 0.3)], "gru": [of_lengths(0.8, 0.3)]})
    assert [row[0] for row in tables(same)[1].rows] == ["rnn", "gru", "baseline"] and not apart(same)
    other = compared({"rnn": [of_lengths(0.9, 0.3)], "gru": [of_lengths(0.8, 0.4, "b")]})
    assert tables(other)[1].rows[2:] == [
        ["baseline of rnn", "0.300", "0.300"],
        ["baseline of gru", "0.400", "0.400"],
    ]
    assert apart(other).startswith("–: not scored on the same test split")
    page = comparison_page(other)
    assert "baseline of gru" in page and page.count("<svg") == 1 and plot(other)["compare.svg"]


def test_nothing_to_resample_is_not_said_to_be_other_test_splits():
    facts = compared({"rnn": [finished(0.5, [])], "gru": [finished(0.5, [])]})
    assert facts["p_values"][0]["p"] is None and apart(facts) == ""
