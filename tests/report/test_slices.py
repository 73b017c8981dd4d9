"""Accuracy by length and by unknown symbols, held against counting."""

from types import SimpleNamespace

from seqkit.report.slices import slices
from seqkit.topologies.codec import EncodingReport


def model(unknown=()):
    """Reads texts as letters; an answer is a pair of confidence and correctness."""
    task = SimpleNamespace(confidences=lambda p, e: p, input_of=lambda e: e)
    report = lambda text: EncodingReport(len(text), 0, [letter for letter in text if letter in unknown])  # noqa: E731
    return SimpleNamespace(task=task, codec=SimpleNamespace(encoding_report=report))


def test_slices_by_length_have_about_as_many_inputs_each_and_their_own_accuracy():
    texts = ["a" * length for length in range(1, 41)]
    answers = [[(0.9, length <= 10 or length % 2 == 0)] for length in range(1, 41)]
    (table,) = slices(model(), answers, texts)
    assert table.rows == [["1–10", 1.0, 10], ["11–20", 0.5, 10], ["21–30", 0.5, 10], ["31–40", 0.5, 10]]


def test_inputs_of_one_length_are_in_one_slice():
    texts = ["ab"] * 30 + ["abc"] * 10
    (table,) = slices(model(), [[(0.5, True)]] * 40, texts)
    assert table.rows == [["2", 1.0, 30], ["3", 1.0, 10]]


def test_inputs_are_sliced_by_how_many_symbols_training_has_not_seen():
    texts = ["ab"] * 10 + ["a?"] * 10 + ["??"] * 5
    answers = [[(0.5, True)]] * 10 + [[(0.5, False)]] * 10 + [[(0.5, True), (0.5, False)]] * 5
    (table,) = slices(model("?"), answers, texts)
    assert table.rows == [["none", 1.0, 10], ["1", 0.0, 10], ["2 or more", 0.5, 5]]


def test_few_inputs_and_answers_without_right_and_wrong_have_no_slices():
    assert slices(model(), [[(0.5, True)]] * 19, ["a", *["ab"] * 18]) == []
    assert slices(model(), [[]] * 40, ["a", *["ab"] * 39]) == []
