"""What a vocabulary promises: one order for one set of counts, and specials that no text can forge."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.readers import DataError
from seqkit.data.vocab import Vocabulary
from seqkit.errors import SeqkitError

modest = settings(max_examples=100, deadline=None, derandomize=True)
tokens = st.lists(st.text(max_size=3), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["specials", "symbols", "x"]), inner),
    max_leaves=12,
)


def test_specials_come_first_then_the_most_frequent():
    built = Vocabulary.build([["b", "a", "c"], ["c", "b", "c"]])
    assert built.symbols == ("<pad>", "<unk>", "c", "b", "a")
    assert (built.pad, built.unk, built.special("<unk>"), len(built)) == (0, 1, 1, 5)


@modest
@given(words=st.sets(st.text(min_size=1, max_size=3), max_size=8).map(sorted), data=st.data())
def test_words_of_equal_count_are_in_one_order_whatever_order_they_came_in(words, data):
    assert Vocabulary.build([data.draw(st.permutations(words))]) == Vocabulary.build([words])


def test_rare_words_and_those_past_the_size_are_unknown():
    lists = [["a"] * 3 + ["b"] * 2 + ["c"]]
    assert Vocabulary.build(lists, min_count=2).symbols[2:] == ("a", "b")
    small = Vocabulary.build(lists, max_size=3)
    assert len(small) == 3
    assert small.encode(["a", "b"]) == [2, small.unk]


@modest
@given(words=tokens)
def test_every_known_word_comes_back(words):
    built = Vocabulary.build([words])
    known = [word for word in words if word in built]
    assert built.decode(built.encode(known)) == known
    assert all(built.index(word) == built.encode([word])[0] for word in words)


def test_text_that_looks_like_a_special_is_an_unknown_word():
    built = Vocabulary.build([["<pad>", "<pad>", "a"]], specials=("<pad>", "<unk>", "<s>"))
    assert built.encode(["<pad>", "<s>", "<unk>"]) == [built.unk] * 3
    assert "<pad>" not in built


@modest
@given(words=tokens)
def test_a_vocabulary_comes_back_from_json_text(words):
    built = Vocabulary.build([words])
    assert Vocabulary.from_json(json.loads(json.dumps(built.to_json())), "vocab.json") == built


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"specials": ["<pad>", "<unk>"]},
        {"specials": "<pad>", "symbols": []},
        {"specials": ["<pad>", "<unk>"], "symbols": [1]},
        {"specials": ["<pad>", "<unk>"], "symbols": ["a", "a"]},
        {"specials": ["<pad>"], "symbols": ["a"]},
    ],
)
def test_a_malformed_vocabulary_is_refused_by_name(value):
    with pytest.raises(DataError, match=r"run/vocab\.json"):
        Vocabulary.from_json(value, "run/vocab.json")


@modest
@given(value=json_values)
def test_whatever_the_json_holds_only_a_plain_error_comes_out(value):
    try:
        Vocabulary.from_json(value, "vocab.json")
    except SeqkitError as error:
        assert "\n" not in str(error)
