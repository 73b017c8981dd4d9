"""N-grams of many texts at once are those of each text alone, in the same order."""

import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import Vocabulary, tokenizer
from seqkit.data.inputs import gram_search
from seqkit.data.inputs.gram_search import GramSearch
from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.data.inputs.texts import TextReader, joined

modest = settings(max_examples=25, deadline=None, derandomize=True)
words = st.sampled_from(["film", "films", "good", "a", "Ünïcode", "İstanbul", "映", "画", "!", "\x1e", "\x1f", "it's"])
texts = st.lists(st.lists(words | st.text(max_size=4), max_size=8).map(" ".join), min_size=8, max_size=40)
TOKENIZERS = ["word", "char", "byte"]


def learned(texts, name):
    tokens = [tokenizer(name).split(text) for text in texts]
    return tokens, NgramCounts.learn(tokens, [n % 2 for n in range(len(tokens))], 2, name)


def found(counts, tokens):
    return [rows.tolist() for rows in counts.encode_many(tokens)]


@pytest.mark.parametrize("name", TOKENIZERS)
@modest
@given(train=texts, others=texts)
def test_they_are_those_of_each_text_alone(name, train, others):
    seen, counts = learned(train, name)
    tokens = [*seen, *(tokenizer(name).split(text) for text in others), []]
    assert found(counts, tokens) == [counts.encode(text) for text in tokens]


@modest
@given(train=texts, pairs=st.lists(st.tuples(texts, texts), max_size=3))
def test_texts_of_a_pair_are_told_apart(train, pairs):
    split = tokenizer("word").split
    rows = [joined([split(text), split(text[::-1])]) for text in train]
    rows += [joined([split(" ".join(first)), split(" ".join(second))]) for first, second in pairs]
    counts = NgramCounts.learn(rows[: len(train)], [n % 2 for n in range(len(train))], 2, "word")
    assert found(counts, rows) == [counts.encode(text) for text in rows]


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(("together", "stamps"), [(1, 1), (3, 10_000), (50, 40)])
def test_however_many_texts_are_searched_and_marked_at_a_time(name, together, stamps, monkeypatch):
    monkeypatch.setattr(gram_search, "_TEXTS", together)
    monkeypatch.setattr(gram_search, "_STAMPS", stamps)
    generator = random.Random(0)
    tokens, counts = learned(
        [" ".join(generator.choices(["so", "dull", "a", "film", "it", "is", "so"], k=9)) for _ in range(20)], name
    )
    tokens = [*tokens, ["unknown"], [], tokens[0]]
    assert found(counts, tokens) == [counts.encode(text) for text in tokens]


def test_an_ngram_is_found_where_its_beginning_is_no_ngram_itself():
    numbers = {("a", "b", "c"): 0, ("c",): 1, ("a", "b", "d", "e"): 2}
    rows = GramSearch(numbers, 3).find([["a", "b", "c"], ["a", "b", "d", "e"], ["b", "c"], []])
    assert [row.tolist() for row in rows] == [[1, 0], [], [1], []]


def test_where_no_ngram_is_known_none_is_found():
    counts = NgramCounts.learn([], [], 2, "word")
    assert found(counts, [["a", "b"]] * 9) == [[]] * 9


def test_memory_does_not_grow_with_the_number_of_texts():
    tokens, counts = learned([f"the film number {n} is as long as all the others are" for n in range(500)], "word")

    def peak(many):
        tracemalloc.start()
        rows = counts.encode_many(many)
        kept, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(rows) == len(many)
        return most - kept

    once = peak(tokens * 4)
    assert peak(tokens * 32) < 1.2 * once


@pytest.mark.parametrize("count", [1, 2])
def test_many_inputs_are_read_as_each_alone(count, monkeypatch):
    monkeypatch.setattr("seqkit.data.inputs.texts._TOGETHER", 5)
    train, counts = learned(["a good film", "a dull film", "so dull"] * 4, "word")
    reader = TextReader(tokenizer("word"), Vocabulary.build(train), 3, counts, count)
    inputs = ["", "a dull plot", "a very good film indeed", "dull"] * 3
    if count == 2:
        inputs = [(text, other) for text, other in zip(inputs, reversed(inputs), strict=True)]
    for read, raw in zip(reader.read_many(inputs), inputs, strict=True):
        alone = reader.read(raw)
        assert len(read.sides) == len(alone.sides) == count
        for one, other in zip([*read.sides, read.ngrams], [*alone.sides, alone.ngrams], strict=True):
            assert one.dtype == other.dtype == np.int32
            assert one.tolist() == other.tolist()
    assert reader.read_many([]) == []
