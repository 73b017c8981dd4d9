"""Scores of labels and of the spans they mark, against scikit-learn, conlleval's published output, and by hand."""

import io
import random
from collections import Counter

import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from seqkit.commands.terminal import print_tables
from seqkit.scores.labels import (
    accuracy,
    confusion_table,
    entity_f1,
    entity_scores,
    label_scores,
    label_table,
    macro_f1,
)


def drawn(labels, count, right=0.7, seed=0):
    """Labels and answers to them; the first labels are the most frequent."""
    generator = random.Random(seed)
    truth = generator.choices(labels, [1 / n for n in range(1, len(labels) + 1)], k=count)
    return truth, [label if generator.random() < right else generator.choice(labels) for label in truth]


def lines(table):
    stream = io.StringIO()
    print_tables([table], stream)
    return stream.getvalue().splitlines()


def test_scores_of_labels_are_those_of_scikit_learn():
    truth, found = drawn(["a", "b", "c", "d"], 300)
    found = ["e" if label == "d" else label for label in found]  # d is never found, e is never true
    scores = label_scores(truth, found)
    expected = precision_recall_fscore_support(truth, found, labels=list("abcde"), zero_division=0)
    assert list(scores) == list("abcde")
    assert [list(column) for column in zip(*scores.values(), strict=True)] == [
        pytest.approx(list(column)) for column in expected
    ]
    assert accuracy(truth, found) == pytest.approx(accuracy_score(truth, found))
    assert macro_f1(truth, found) == pytest.approx(f1_score(truth, found, average="macro", zero_division=0))
    assert macro_f1(truth, found) == pytest.approx(sum(score.f1 for score in scores.values()) / 5)


def test_nothing_to_score_is_scored_0():
    assert accuracy([], []) == macro_f1([], []) == entity_f1([], []) == entity_f1([["O"]], [["O"]]) == 0
    assert label_scores([], []) == {}


def test_as_many_answers_as_truths():
    for score in (accuracy, label_scores, confusion_table):
        with pytest.raises(ValueError, match="zip"):
            score(["a", "b"], ["a"])


def test_entity_scores_are_those_of_conllevals_published_output():
    # http://www.cnts.ua.ac.be/conll2000/chunking/output.html: 459 phrases; found: 539 phrases; correct: 371
    both, found_only, true_only = ["B-NP"] * 371, ["B-NP"] * 168, ["B-NP"] * 88
    truth = both + ["O"] * 168 + true_only
    found = both + found_only + ["O"] * 88
    precision, recall, f1, support = entity_scores([truth], [found])["all"]
    assert [round(100 * score, 2) for score in (precision, recall, f1)] == [68.83, 80.83, 74.35]
    assert support == 459


def test_an_entity_is_correct_if_both_ends_and_the_type_are():
    truth = ["B-PER I-PER O B-LOC", "B-ORG I-ORG I-ORG", "O B-LOC B-LOC"]
    found = ["B-PER I-PER O B-ORG", "B-ORG I-ORG O", "O B-LOC I-LOC"]
    scores = entity_scores([tags.split() for tags in truth], [tags.split() for tags in found])
    assert list(scores) == ["LOC", "ORG", "PER", "all"]
    assert scores["PER"] == (1, 1, 1, 1)
    assert scores["ORG"] == (0, 0, 0, 1)
    assert scores["LOC"] == (0, 0, 0, 3)
    # Five are true, four were found, one is right.
    assert scores["all"] == pytest.approx((1 / 4, 1 / 5, 2 / 9, 5))


def test_entities_do_not_run_from_one_sentence_into_the_next():
    assert entity_f1([["B-X"], ["I-X"]], [["B-X"], ["B-X"]]) == 1
    assert entity_f1([["B-X", "I-X"]], [["B-X", "B-X"]]) == 0


def test_entities_of_two_schemes_can_be_compared():
    assert entity_f1([["I-X", "I-X", "B-X", "O"]], [["B-X", "E-X", "S-X", "O"]]) == 1


def test_confusions_are_those_of_scikit_learn():
    truth, found = drawn(["a", "b", "c"], 200)
    table = confusion_table(truth, found)
    assert table.title == "Confusion: rows are the truth, columns the model's answers"
    assert table.columns == ["", "a", "b", "c"]
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert [row[1:] for row in table.rows] == confusion_matrix(truth, found).tolist()


def test_labels_that_are_numbers_are_in_the_order_of_their_values():
    assert confusion_table(["10", "9", "-1"], ["10", "9", "9"]).columns == ["", "-1", "9", "10"]
    assert confusion_table(["10", "9", "x"], ["10", "9", "9"]).columns == ["", "10", "9", "x"]
    assert confusion_table(["10", "9", "nan"], ["10", "9", "9"]).columns == ["", "10", "9", "nan"]


def test_of_many_labels_the_most_confused_are_shown_within_80_columns():
    truth, found = drawn([f"label{n}" for n in range(40)], 60_000)
    table = confusion_table(truth, found)
    kept = len(table.rows)
    assert table.title == f"Confusion, the {kept} most confused of 40: rows are the truth, columns the answers"
    assert 5 <= kept < 12
    printed = lines(table)
    assert len(printed) == 3 + kept
    assert max(map(len, printed)) <= 80
    assert not any("…" in line for line in printed)
    wrong = Counter(label for pair in zip(truth, found, strict=True) if pair[0] != pair[1] for label in pair)
    assert {row[0] for row in table.rows} == {label for label, _ in wrong.most_common(kept)}


def test_labels_that_are_never_confused_make_room_first():
    truth = ["sure"] * 50 + ["a", "b", "c"] * 3
    found = ["sure"] * 50 + ["b", "c", "c"] * 3
    assert confusion_table(truth, found, most=3).rows == [["a", 0, 3, 0], ["b", 0, 0, 3], ["c", 0, 0, 3]]


def test_of_labels_that_are_as_often_confused_the_frequent_stay():
    truth = ["a", "b", "b", "c", "c", "c"]
    assert confusion_table(truth, truth, most=2).columns == ["", "b", "c"]


def test_a_table_takes_80_columns_and_not_one_more():
    # 6 + 9 · (6 + 2) = 78, and 7 + 8 · (7 + 2) = 79: the next would be too much.
    for label, fitting in (("label{}", 9), ("lab{:04}", 8)):
        truth = [label.format(n) for n in range(10)]
        table = confusion_table(truth, [*truth[1:], truth[0]])
        assert len(table.rows) == fitting
        assert max(map(len, lines(table)[2:])) <= 80


def test_labels_longer_than_the_table_are_shown_two_at_least():
    truth, found = drawn([letter * 90 for letter in "abc"], 50)
    assert len(confusion_table(truth, found).rows) == 2


def test_the_table_of_labels_has_the_frequent_first():
    table = label_table(["b", "b", "a", "c", "b"], ["b", "a", "a", "c", "b"])
    assert table.columns == ["label", "precision", "recall", "F1", "count"]
    assert table.rows == [
        ["b", 1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3],
        ["a", 0.5, 1.0, pytest.approx(2 / 3), 1],
        ["c", 1.0, 1.0, 1.0, 1],
    ]
    assert table.title == "Labels"
    few = label_table(["b", "b", "a", "c"], ["b", "b", "a", "c"], most=1)
    assert (few.title, len(few.rows), few.rows[0][0]) == ("Labels, the 1 most frequent of 3", 1, "b")
