"""N-grams found by the native library are those that numpy finds, in the same order; what does not fit is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import Vocabulary, tokenizer
from seqkit.data.inputs.gram_search import GramSearch, find_in_arrays
from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.kernels.grams import find_grams
from seqkit.kernels.library import ensure
from seqkit.topologies.many_to_one import texts as text_inputs
from seqkit.topologies.many_to_one.codec import TextCodec

pytestmark = pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here")

modest = settings(max_examples=40, deadline=None, derandomize=True)
tokens = st.sampled_from(["film", "films", "good", "a", "b", "Ünïcode", "映", "!", "so", "unseen"])
texts = st.lists(st.lists(tokens, max_size=12), max_size=12)
grams = st.lists(st.lists(tokens, min_size=1, max_size=4).map(tuple), max_size=30, unique=True)


def native(tree, tokens):
    return find_grams(tree.levels, tree.symbols, tree.rows, tokens)


def letters_of(token):
    rows = [ord(letter) % 7 for letter in token if ord(letter) % 7 < 5]
    return np.array(rows, np.int32).tobytes()


@modest
@given(grams=grams, order=st.integers(0, 4), spelled=st.booleans(), many=texts)
def test_they_are_those_that_numpy_finds(grams, order, spelled, many):
    # Rows of letters come first, so that single tokens and letters share some rows, too.
    numbers = {**{(f"letter {n}",): n for n in range(5)}, **{gram: 5 + n for n, gram in enumerate(grams)}}
    search = GramSearch(numbers, order, letters_of if spelled else None)
    expected = [row.tolist() for row in search.find(many, find_in_arrays)]
    found = search.find(many, native)
    assert [row.tolist() for row in found] == expected
    assert all(row.dtype == np.int32 for row in found)


@pytest.mark.parametrize("order", [0, 2])
def test_where_nothing_is_known_nothing_is_found(order):
    assert [row.tolist() for row in GramSearch({}, order).find([["a", "b"], []], native)] == [[], []]
    assert GramSearch({("a",): 0}, order).find([], native) == []


@pytest.mark.parametrize(("kernel", "asked"), [("auto", True), ("native", True), ("torch", False), ("aten", False)])
def test_a_codec_asks_the_library_where_it_is_wanted(kernel, asked, monkeypatch):
    def find(tree, tokens):
        calls.append(len(tokens.sizes))
        return native(tree, tokens)

    calls = []
    monkeypatch.setattr(text_inputs, "_find", find)
    monkeypatch.setenv("SEQKIT_KERNELS", kernel)
    split = [tokenizer("word").split(text) for text in ["a good film", "a dull film"] * 8]
    counts = NgramCounts.learn(split, [0, 1] * 8, 2, "word")
    codec = TextCodec(tokenizer("word"), Vocabulary.build(split), ["bad", "good"], 9, ngrams=counts)
    items = codec.encode_many(["a dull film", "good", "", "a film so good"] * 3)
    assert calls == ([12] if asked else [])
    assert [item.ngrams.tolist() for item in items[:4]] == [
        counts.encode(codec.split(text)) for text in ["a dull film", "good", "", "a film so good"]
    ]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("places", np.array([0, 2]), "a place is none of a token"),
        ("places", np.array([0, -1]), "a place is none of a token"),
        ("sizes", np.array([2, 1]), "as many tokens as there are"),
        ("sizes", np.array([-1]), "as many tokens as there are"),
        ("letter_sizes", np.array([1]), "each different token"),
        ("letter_sizes", np.array([1, 1]), "as many as their sizes say"),
        ("letters", np.array([9, 0, 1], np.int32), "a row is none of an n-gram"),
        ("symbols", np.array([0, 9]), "a symbol is none of an n-gram"),
        ("places", np.array([[0, 1]]), "must be a vector"),
        ("places", np.array([0, 1], np.int32), "expected scalar type"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, value, why):
    search = GramSearch({("a",): 0, ("b",): 1, ("a", "b"): 2}, 2, lambda token: np.array([1], np.int32).tobytes())
    given = search._tokens([["a", "b"]])
    given = given._replace(letters=np.array([0, 1, 2], np.int32), letter_sizes=np.array([1, 2]))
    assert native(search._tree, given)[0].tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match=why):
        native(search._tree, given._replace(**{name: value}))
