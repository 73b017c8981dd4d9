"""Pairs from every kind of file, what is wrong with them, and how they are divided."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import DataError, SourceLocation
from seqkit.data.pair_files import read_pairs, read_parallel
from seqkit.data.pairs import Pair, one_reference_each, split_pairs, usable
from seqkit.data.sources.interface_strings import interface_strings
from seqkit.errors import UsageError


def sides(pairs):
    return [(pair.source, *pair.references) for pair in pairs]


def numbered(*texts):
    return [Pair(source, (target,), SourceLocation("f", n)) for n, (source, target) in enumerate(texts, 1)]


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        ("source\ttarget", True),
        ("English\tFrench", True),
        ("en\tfr", True),
        ("English\tanglais", False),
        ("Go.\tVa !", False),
    ],
)
def test_a_header_is_two_names_of_sides_or_languages(first, is_header, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"{first}\n\nHi.\tSalut !\n", encoding="utf-8")
    pairs = list(read_pairs(path))
    assert sides(pairs)[-1] == ("Hi.", "Salut !")
    assert len(pairs) == 2 - is_header
    assert str(pairs[-1].location) == f"{path}:3"


def test_named_columns_are_found_by_name_or_named(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("id,target,source\n1,Salut,Hi\n", encoding="utf-8")
    assert sides(read_pairs(table)) == [("Hi", "Salut")]
    assert sides(read_pairs(table, "target", "id")) == [("Salut", "1")]
    lines = tmp_path / "pairs.jsonl"
    lines.write_text(json.dumps({"one": "a", "other": "b"}) + "\n", encoding="utf-8")
    assert sides(read_pairs(lines)) == [("a", "b")]
    assert sides(read_pairs(lines, target_column="one")) == [("b", "a")]


def test_columns_that_no_name_tells_are_asked_for(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("a,b,c\n1,2,3\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pairs\.csv:1: cannot tell which columns .* --source-column"):
        list(read_pairs(table))
    with pytest.raises(UsageError, match=r"pairs\.csv:1: no column 'x' \(there are a, b, c\)"):
        list(read_pairs(table, "x", "b"))


def test_a_line_without_a_tab_is_reported_with_its_line(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\nno tab here\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pairs\.tsv:2: no tab in 'no tab here'"):
        list(read_pairs(path))


def test_parallel_files_are_read_line_by_line(tmp_path):
    (tmp_path / "a.en").write_text("one\ntwo  words \n", encoding="utf-8")
    (tmp_path / "a.de").write_text("eins\nzwei Wörter\n", encoding="utf-8")
    pairs = list(read_parallel(tmp_path / "a.en", tmp_path / "a.de"))
    assert sides(pairs) == [("one", "eins"), ("two words", "zwei Wörter")]


@pytest.mark.parametrize(("source", "target", "lacks"), [(3, 5, "a.en"), (4, 2, "a.de")])
def test_parallel_files_of_different_length_are_refused(source, target, lacks, tmp_path):
    (tmp_path / "a.en").write_text("x\n" * source, encoding="utf-8")
    (tmp_path / "a.de").write_text("y\n" * target, encoding="utf-8")
    first = min(source, target) + 1
    message = rf"a\.en has {source} lines and .*a\.de has {target}; line {first} is the first that .*{lacks} lacks"
    with pytest.raises(DataError, match=message):
        list(read_parallel(tmp_path / "a.en", tmp_path / "a.de"))


def test_empty_and_long_pairs_are_skipped_and_noted():
    notes = []
    left = usable(numbered(("a", "b"), ("", "c"), ("d", ""), ("e" * 11, "f"), ("g", "h" * 10)), 10, notes)
    assert sides(left) == [("a", "b"), ("g", "h" * 10)]
    assert notes == [
        "2 pairs with an empty side were left out, the first at f:2",
        "1 pair with a side of more than 10 characters was left out, the first at f:4",
    ]


def test_nothing_usable_is_refused():
    with pytest.raises(DataError, match=r"no usable pair \(2 are empty or too long\)"):
        usable(numbered(("", "a"), ("b", "")), 10, [])


def test_one_language_on_both_sides_is_refused_or_noted():
    with pytest.raises(DataError, match=r"f:1: source and target are the same in 100% .* one language"):
        usable(numbered(("a", "a"), ("b", "b")), 10, [])
    notes = []
    usable(numbered(("a", "a"), ("b", "c")), 10, notes)
    assert notes == ["source and target are the same in 50% of the pairs, the first at f:1"]


def test_pairs_of_one_source_become_one_with_several_references():
    (only, other) = usable(numbered(("a", "b"), ("c", "d"), ("a", "e"), ("a", "b")), 10, [])
    assert only == Pair("a", ("b", "e"), SourceLocation("f", 1))
    assert other.references == ("d",)
    assert sides(one_reference_each([only])) == [("a", "b"), ("a", "e")]
    assert sides(only.reversed) == [("b", "a"), ("e", "a")]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    texts=st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("klmnop")), min_size=1),
    shares=st.tuples(st.sampled_from([0.05, 0.2]), st.sampled_from([0.05, 0.3])),
    seed=st.integers(0, 9),
)
def test_no_source_is_in_two_splits_and_none_is_lost(texts, shares, seed):
    pairs = usable(numbered(*texts), 10, [])
    if len(pairs) < 3:
        with pytest.raises(DataError, match="cannot be divided"):
            split_pairs(pairs, *shares, seed)
        return
    splits = split_pairs(pairs, *shares, seed)
    three = [splits.train, splits.valid, splits.test]
    assert Counter(pair for split in three for pair in split) == Counter(pairs)
    assert all(three)
    assert [len(split) for split in three[1:]] == [max(1, round(share * len(pairs))) for share in shares]
    assert splits == split_pairs(pairs, *shares, seed)


def test_a_split_from_a_file_takes_nothing_from_the_pairs():
    pairs = numbered(*((letter, letter * 2) for letter in "abcdefghij"))
    splits = split_pairs(pairs, 0.2, 0.3, 0, from_files=["test"])
    assert (len(splits.train), len(splits.valid), splits.test) == (8, 2, [])


def test_the_default_data_are_translated_strings_with_their_lines():
    pairs = usable(interface_strings(), 400, notes := [])
    assert len(pairs) == 2989
    assert all(pair.source not in pair.references for pair in pairs)
    assert not any("\x04" in text for pair in pairs for text in (pair.source, *pair.references))
    by_source = {pair.source: pair for pair in pairs}
    assert by_source["%1 Item"].references == ("%1 élément",)
    assert notes == [f"14 pairs with a side of more than 400 characters were left out, the first at {FIRST_LONG}"]


FIRST_LONG = "dask_labextension.json:56"
