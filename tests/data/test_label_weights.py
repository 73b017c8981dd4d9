import re

import pytest

from seqkit.data.label_weights import read_label_weights
from seqkit.errors import SeqkitError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.json", '{"spam": 5, "not, spam": 0.5}'),
        ("w.csv", 'weight,label\n5,spam\n0.5,"not, spam"\n'),
        ("w.tsv", "label\tnote\tweight\nspam\trare\t5\nnot, spam\t\t.5\n"),
        ("w.jsonl", '{"label": "spam", "weight": 5}\n{"label": "not, spam", "weight": 0.5}\n'),
    ],
)
def test_weights_are_read_from_json_and_tables(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    weights, source = read_label_weights(str(tmp_path / name))
    assert weights == {"spam": 5.0, "not, spam": 0.5}
    assert source == str(tmp_path / name)


def test_labels_have_their_weights_in_whatever_form_they_are_written(tmp_path):
    (tmp_path / "w.csv").write_text("label,weight\ncafe\u0301 ,5\n", "utf-8")
    for setting in (str(tmp_path / "w.csv"), '{"cafe\u0301": 5}'):
        assert read_label_weights(setting)[0] == {"caf\u00e9": 5.0}


def test_weights_may_be_in_the_option_itself():
    assert read_label_weights(' {"spam": 5}') == ({"spam": 5.0}, "class_weight")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.json", "spam", "w.json is not JSON (Expecting value"),
        ("w.json", "[5]", 'w.json is not a JSON object; write weights as {"label": 2.5}'),
        ("w.json", '{"spam": -1}', "w.json: the weight of 'spam' is -1, but a weight is a number of 0 or more"),
        ("w.json", '{"spam": true}', "the weight of 'spam' is True"),
        ("w.json", '{"spam": "5"}', "the weight of 'spam' is '5'"),
        ("w.json", '{"spam": NaN}', "the weight of 'spam' is nan"),
        ("w.json", '{"spam": 1e999}', "the weight of 'spam' is inf"),
        ("w.csv", "label,weight\nspam,5\nham,many\n", "w.csv:3: column 'weight' is 'many', but a weight is a number"),
        ("w.csv", "label,weight\nspam,\n", "w.csv:2: column 'weight' is empty"),
        ("w.csv", "label,weight\nspam,1\nspam,2\n", "w.csv:3: label 'spam' has a weight already"),
        ("w.csv", "spam,5\nham,1\n", "w.csv:1: there is no column 'label'; name two columns label and weight"),
        ("w.txt", "spam 5\n", "cannot tell the format of"),
    ],
)
def test_what_holds_no_weights_is_reported_in_one_sentence(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(SeqkitError, match=re.escape(message)) as raised:
        read_label_weights(str(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_reported_with_its_neighbour(tmp_path):
    (tmp_path / "weights.json").write_text("{}")
    with pytest.raises(SeqkitError, match=r"no file .*did you mean .*weights\.json"):
        read_label_weights(str(tmp_path / "weihgts.json"))
