"""The column of weights in tables of texts and of numbers."""

import re

import pytest
from seqkit.tasks.digit import TASK as DIGIT
from seqkit.tasks.digit import DigitConfig
from seqkit.tasks.sentiment import TASK as SENTIMENT
from seqkit.tasks.sentiment import SentimentConfig

from seqkit.data import Example, Splits, read_examples
from seqkit.data.readers import SourceLocation
from seqkit.errors import SeqkitError
from seqkit.runs.fingerprint import fingerprint
from seqkit.topologies.one_to_one.reading import read_vectors

TEXTS = "text,label,w\none,a,2\ntwo,b,0.5\nthree,a,0\nfour,b,0.0\n"
NUMBERS = "x,w,label\n1,2,a\n2,0.5,b\n3,0,a\n4,0.0,b\n"


def written(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_text(content)
    return path


def test_texts_have_their_weights_and_those_of_zero_are_skipped(tmp_path):
    notes = []
    examples = read_examples(written(tmp_path, TEXTS), notes=notes, weight_column="w")
    assert [(e.text, e.weight) for e in examples] == [("one", 2.0), ("two", 0.5)]
    assert notes == [f"2 rows with a weight of 0 were left out, the first at {tmp_path / 'a.csv'}:4"]


def test_vectors_have_their_weights_and_those_of_zero_are_skipped(tmp_path):
    notes = []
    examples = read_vectors(written(tmp_path, NUMBERS), ["x"], None, "w", notes)
    assert [(e.text, e.weight) for e in examples] == [("1", 2.0), ("2", 0.5)]
    assert notes == [f"2 rows with a weight of 0 were left out, the first at {tmp_path / 'a.csv'}:4"]


def test_without_the_option_every_weight_is_one_and_the_column_is_a_number_like_others(tmp_path):
    assert {e.weight for e in read_examples(written(tmp_path, TEXTS))} == {1.0}
    path = written(tmp_path, NUMBERS)
    assert DIGIT.feature_names(DigitConfig(data=str(path))) == ["x", "w"]
    assert DIGIT.feature_names(DigitConfig(data=str(path), weight_column="w")) == ["x"]


@pytest.mark.parametrize(
    ("weight", "shown"),
    [("-1", "is '-1'"), ("", "is empty"), ("many", "is 'many'"), ("nan", "is 'nan'"), ("inf", "is 'inf'")],
)
@pytest.mark.parametrize("read", [read_examples, lambda path, weight_column: read_vectors(path, ["x"], None, "w")])
def test_what_is_not_a_weight_is_reported_with_its_line(weight, shown, read, tmp_path):
    path = written(tmp_path, f"text,x,label,w\none,1,a,1\ntwo,2,b,{weight}\n")
    message = f"{path}:3: column 'w' {shown}, but a weight is a number of 0 or more; correct it"
    with pytest.raises(SeqkitError, match=re.escape(message)):
        read(path, weight_column="w")


def test_a_column_that_is_not_there_is_reported_with_the_nearest(tmp_path):
    path = written(tmp_path, "text,x,label,weight\none,1,a,1\n")
    for read in (read_examples, lambda path, weight_column: read_vectors(path, ["x"], None, weight_column)):
        with pytest.raises(SeqkitError, match=r"a\.csv:1: no column 'wieght'.*did you mean --weight-column 'weight'\?"):
            read(path, weight_column="wieght")


def test_a_file_in_which_nothing_weighs_is_refused(tmp_path):
    path = written(tmp_path, "text,x,label,w\none,1,a,0\ntwo,2,b,0\n")
    for read in (read_examples, lambda path, weight_column: read_vectors(path, ["x"], None, weight_column)):
        with pytest.raises(SeqkitError, match=r"every weight in column 'w' is 0; give some rows a weight above 0"):
            read(path, weight_column="w")


@pytest.mark.parametrize(("task", "config"), [(SENTIMENT, SentimentConfig), (DIGIT, DigitConfig)])
def test_data_that_are_not_in_a_file_have_no_weights(task, config):
    with pytest.raises(SeqkitError, match=r"--weight-column is for a file, and .* has no weights; leave it out"):
        task.read(config(weight_column="w"), [])


def test_the_features_are_not_the_weights(tmp_path):
    config = DigitConfig(data=str(written(tmp_path, NUMBERS)), weight_column="w", feature_columns="x,w")
    with pytest.raises(SeqkitError, match="--feature-columns must not name the column of weights or groups, 'w'"):
        DIGIT.read(config, [])


def test_a_file_to_evaluate_on_needs_no_weights(tmp_path):
    path = written(tmp_path, "text,x,label\none,1,a\n")
    texts = [Example("one", "a", SourceLocation("t.csv", 2)), Example("two", "b", SourceLocation("t.csv", 3))]
    config = SentimentConfig(weight_column="w")
    assert [e.text for e in SENTIMENT.read_file(config, path, SENTIMENT.learn_codec(config, texts))] == ["one"]
    numbers = DigitConfig(data=str(written(tmp_path, NUMBERS)), weight_column="w")
    codec = DIGIT.learn_codec(numbers, [Example("1", "a", SourceLocation("t.csv", 2))])
    assert [e.text for e in DIGIT.read_file(numbers, written(tmp_path, "x,label\n1,a\n"), codec)] == ["1"]


def test_a_weight_changes_the_fingerprint_of_the_data_unless_it_is_one():
    def digest(*weight):
        return fingerprint(SENTIMENT, Splits([Example("one", "a", SourceLocation("t.csv", 2), *weight)], [], []))

    assert digest() == digest(1.0)
    assert len({digest(), digest(2.0), digest(0.5)}) == 3
