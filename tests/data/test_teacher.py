"""A teacher's probabilities, in whatever form people have them."""

import json

import pytest

from seqkit.data import DataError
from seqkit.data.readers import choose_column
from seqkit.data.teacher import read_probabilities
from seqkit.errors import UsageError

LABELS = ("bad", "good")


def read(path, labels=LABELS):
    return read_probabilities(path, labels, lambda names, at: [choose_column(names, None, "text", at)], str.strip)


@pytest.mark.parametrize("prefix", ["", "probabilities.", "predicted_probabilities."])
@pytest.mark.parametrize(("ending", "comma"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_columns_are_named_as_the_labels_or_as_predicting_names_them(tmp_path, prefix, ending, comma):
    path = tmp_path / f"teacher.{ending}"
    rows = [["text", f"{prefix}good", f"{prefix}bad"], ["fine", "0.75", "0.25"], ["dull", "0", "1"]]
    path.write_text("\n".join(comma.join(row) for row in rows) + "\n")
    assert read(path) == {"fine": [0.25, 0.75], "dull": [1.0, 0.0]}


@pytest.mark.parametrize("key", ["probabilities", "predicted_probabilities"])
@pytest.mark.parametrize("text", ["input", "text"])
def test_lines_of_json_are_read_as_predicting_writes_them(tmp_path, key, text):
    path = tmp_path / "teacher.jsonl"
    path.write_text(json.dumps({text: " fine ", "label": "good", key: {"good": 0.75, "bad": 0.25}}) + "\n")
    assert read(path) == {"fine": [0.25, 0.75]}


def test_probabilities_are_in_the_order_of_the_labels_that_are_asked_for(tmp_path):
    rows, lines = tmp_path / "teacher.csv", tmp_path / "teacher.jsonl"
    rows.write_text("text,bad,good\nfine,0.25,0.75\n")
    lines.write_text(json.dumps({"text": "fine", "probabilities": {"bad": 0.25, "good": 0.75}}) + "\n")
    assert read(rows, ("good", "bad")) == read(lines, ("good", "bad")) == {"fine": [0.75, 0.25]}


def test_a_text_that_occurs_twice_has_the_average(tmp_path):
    path = tmp_path / "teacher.csv"
    path.write_text("text,bad,good\nfine,0.2,0.8\nfine,0.4,0.6\n")
    assert read(path)["fine"] == pytest.approx([0.3, 0.7])


def test_rounded_probabilities_are_made_to_sum_to_one(tmp_path):
    path = tmp_path / "teacher.csv"
    path.write_text("text,a,b,c\nx,0.333,0.333,0.333\n")
    assert read(path, ("a", "b", "c"))["x"] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("fine,0.5,0.2", "sum to 0.7, not to 1"),
        ("fine,-0.1,1.1", "'-0.1' is not a probability of label 'bad'"),
        ("fine,high,0.1", "'high' is not a probability of label 'bad'"),
        ("fine,,1", "'' is not a probability of label 'bad'"),
        ("fine,nan,1", "'nan' is not a probability of label 'bad'"),
    ],
)
def test_what_is_not_a_probability_is_refused_with_its_line(tmp_path, row, problem):
    path = tmp_path / "teacher.csv"
    path.write_text(f"text,bad,good\ndull,1,0\n{row}\n")
    with pytest.raises(DataError, match=rf"teacher\.csv:3: .*{problem}"):
        read(path)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"good": 1.0}, "label 'bad' the teacher does not know"),
        ({"good": 0.5, "bad": 0.4, "so-so": 0.1}, "label 'so-so' is not in the training split"),
        ([0.5, 0.5], "is not an object of labels"),
        ({"good": True, "bad": "?"}, "is not a probability"),
    ],
)
def test_an_object_needs_a_probability_of_every_label_and_of_no_other(tmp_path, value, problem):
    path = tmp_path / "teacher.jsonl"
    path.write_text(json.dumps({"text": "fine", "probabilities": value}) + "\n")
    with pytest.raises(DataError, match=rf"teacher\.jsonl:1: .*{problem}"):
        read(path)


def test_a_file_without_probabilities_is_refused_with_what_it_lacks(tmp_path):
    path = tmp_path / "teacher.csv"
    path.write_text("text,bad\nfine,1\n")
    with pytest.raises(UsageError, match="no probability of label 'good'; name a column after each label"):
        read(path)
