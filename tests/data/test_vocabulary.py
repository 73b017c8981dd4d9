import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit import SeqkitError
from seqkit.data import Vocabulary

words = st.lists(st.lists(st.text(max_size=3), max_size=5), max_size=5)
quick = settings(max_examples=100, deadline=None, derandomize=True)


def test_rank_order_is_by_count_then_by_symbol():
    vocabulary = Vocabulary.build([["b", "a", "c"], ["c", "b", "c"]])
    assert vocabulary.symbols == ("<pad>", "<unk>", "c", "b", "a")
    assert vocabulary.encode(["c", "zebra", "a"]) == [2, vocabulary.unk, 4]


def test_rare_tokens_and_a_full_vocabulary_leave_the_most_frequent():
    tokens = [["a"] * 3, ["b"] * 2, ["c"]]
    assert Vocabulary.build(tokens, min_count=2).symbols[2:] == ("a", "b")
    assert Vocabulary.build(tokens, max_size=3).symbols[2:] == ("a",)


def test_text_that_looks_like_a_special_symbol_is_not_one():
    vocabulary = Vocabulary.build([["<pad>", "<pad>", "x"]])
    assert vocabulary.encode(["<pad>"]) == [vocabulary.unk]
    assert vocabulary.special("<pad>") == vocabulary.pad == 0


@quick
@given(words)
def test_json_round_trip_gives_an_equal_vocabulary(token_lists):
    vocabulary = Vocabulary.build(token_lists)
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())), "vocab.json")
    assert again == vocabulary
    assert [again.encode(tokens) for tokens in token_lists] == [vocabulary.encode(tokens) for tokens in token_lists]


@quick
@given(words, st.randoms())
def test_the_order_of_texts_does_not_matter(token_lists, random):
    shuffled = list(token_lists)
    random.shuffle(shuffled)
    assert Vocabulary.build(shuffled) == Vocabulary.build(token_lists)


@quick
@given(words)
def test_known_symbols_decode_to_themselves(token_lists):
    vocabulary = Vocabulary.build(token_lists, specials=("<pad>", "<unk>"))
    for tokens in token_lists:
        assert vocabulary.decode(vocabulary.encode(tokens)) == [
            token if token in vocabulary else "<unk>" for token in tokens
        ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["specials", "symbols", "x"]), inner),
)


@quick
@given(json_values)
def test_anything_else_is_refused_by_name(value):
    try:
        Vocabulary.from_json(value, "vocab.json")
    except SeqkitError as error:
        assert "vocab.json" in str(error)
    else:
        pytest.fail(f"{value!r} was taken for a vocabulary")
