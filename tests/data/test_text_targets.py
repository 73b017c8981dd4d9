"""Sets of labels, numbers and two texts in a row: what is read, and what is refused with its place."""

import json

import pytest

from seqkit.data import DataError
from seqkit.data.readers import TextPair, one_line, read_label_sets, read_number_examples, read_pair, target_in
from seqkit.errors import UsageError


@pytest.fixture
def file(tmp_path):
    """Writes a file; rows of objects are JSON."""

    def write(name, *rows):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / name

    return write


def sets(path, *arguments, **options):
    return [example.labels for example in read_label_sets(path, *arguments, **options)]


def test_a_column_of_joined_labels_is_split_at_the_mark_that_it_has(file):
    assert sets(file("a.csv", "text,label", "x,b|a", "y,", "z, c ;d")) == [("a", "b"), (), ("c ;d",)]
    assert sets(file("b.csv", "text,label", "x,b; a;b", "y,c")) == [("a", "b"), ("c",)]
    assert sets(file("c.tsv", "text\tlabel", "x\tb,a")) == [("a", "b")]
    assert sets(file("d.tsv", "text\tlabel", "x\tb/a,c|d"), separator="/") == [("a,c|d", "b")]


def test_lists_of_json_and_of_python_are_read_as_such(file):
    assert sets(file("a.jsonl", {"text": "x", "label": ["b|c", "a"]}, {"text": "y", "label": []})) == [("a", "b|c"), ()]
    assert sets(file("b.csv", "text,label", "x,\"['b', 'a']\"", "y,[]")) == [("a", "b"), ()]


def test_columns_of_0_and_1_are_a_label_each(file):
    path = file("a.csv", "text,old,new,rare", "x,1,0,0", "y,0,,true", "z,0.0,1.0,FALSE")
    assert sets(path, None, "old, new,rare") == [("old",), ("rare",), ("new",)]


@pytest.mark.parametrize(
    ("name", "rows", "column", "what"),
    [
        (
            "a.jsonl",
            [{"text": "x", "label": ["a", 3]}],
            None,
            r":1: the list in column 'label' has 3 in it, .*\[\"3\"\]",
        ),
        ("a.jsonl", [{"text": "x", "label": ["a", ""]}], None, r":1: the list in column 'label' has '' in it"),
        ("a.csv", ["text,a,b", "x,1,0", "y,2,0"], "a,b", r":3: column 'a' is '2', but of several label columns"),
        ("a.csv", ["text,a,b", "x,1,0"], "a,c", r":1: no column 'c' \(the columns are text, a, b\)"),
        ("a.csv", ["text,label", "x,", "y,"], None, "no text has a label; check the column"),
    ],
)
def test_what_is_not_a_set_of_labels_is_refused(file, name, rows, column, what):
    with pytest.raises((DataError, UsageError), match=what):
        read_label_sets(file(name, *rows), None, column)


def test_numbers_are_read_from_one_column_or_several(file):
    path = file("a.csv", "text,y,z", "x,1e3,-0.5", "w, 7 ,2")
    assert [e.numbers for e in read_number_examples(path)] == [(1000.0,), (7.0,)]
    examples = read_number_examples(path, None, "z,y")
    assert [e.numbers for e in examples] == [(-0.5, 1000.0), (2.0, 7.0)] and examples[0].names == ("z", "y")


@pytest.mark.parametrize("written", ["", "n/a", "inf", "nan", "-Infinity", "1,200", "1_000", "1e31", "12 EUR"])
def test_what_is_not_a_finite_number_is_refused_with_its_line(file, written):
    path = file("a.tsv", "text\ty", "x\t1", f"w\t{written}")
    with pytest.raises(DataError, match=r"a\.tsv:3: column 'y' is .*a finite number is predicted; correct it"):
        read_number_examples(path)


def test_lists_decimals_and_columns_of_0_and_1_say_what_they_are(file):
    def found(path, column=None):
        notes = []
        name = target_in(path, None, column, notes)
        assert len(notes) == (name != "label") and all("--target" in note for note in notes)
        return name

    assert found(file("a.jsonl", {"text": "x", "label": ["a"]}, {"text": "y", "label": []})) == "labels"
    assert found(file("b.jsonl", {"text": "x", "label": ["a"]}, {"text": "y", "label": "b"})) == "label"
    assert found(file("c.csv", "text,label", "x,a|b", "y,a")) == "label"
    assert found(file("d.csv", "text,label", *(f"x,{n}.5" for n in range(30)))) == "number"
    assert found(file("e.csv", "text,label", *(f"x,{n % 5}.5" for n in range(30)))) == "label"
    assert found(file("f.csv", "text,label", *(f"x,{n}" for n in range(30)))) == "label"
    assert found(file("g.csv", "text,a,b", "x,1,0", "y,1,1"), "a,b") == "labels"
    assert found(file("h.csv", "text,a,b", "x,1,0", "y,2,1"), "a,b") == "number"
    assert found(file("i.csv", 'text,"a,b"', "x,1", "y,2"), "a,b") == "label"


def test_a_pair_is_its_texts_with_a_tab_between_however_it_is_given():
    pair = TextPair.of(" a\tb ", "c")
    assert pair == "a b\tc" and pair.sides == ("a b", "c") and one_line(pair) == "a b ||| c"
    assert read_pair("a b\tc") == read_pair("a b ||| c") == read_pair(["a b", "c"]) == pair
    for wrong in ("a b", "a ||| b ||| c", ["a"], ["a", 3]):
        with pytest.raises(DataError, match="reads two texts, with a tab or"):
            read_pair(wrong)
