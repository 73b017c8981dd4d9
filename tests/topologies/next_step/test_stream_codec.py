"""Texts to numbers and back, and the token that a text begins after."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import Vocabulary, tokenizer
from seqkit.topologies.next_step import StreamCodec


def codec(name, text, **options):
    split = tokenizer(name, **options)
    return StreamCodec(split, Vocabulary.build([split.split(text)]))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["char", "byte"]))
def test_pieces_join_to_the_text_and_hold_no_half_character(text, name):
    coding = codec(name, text + "x")
    pieces = list(coding.decode(iter(coding.encode(text).tokens.tolist()), "x"))
    assert "".join(pieces) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


def test_words_come_with_their_spaces():
    coding = codec("word", "a word ( or two ) , done .")
    pieces = coding.decode(iter(coding.encode("or (two), done.").tokens.tolist()), "a word")
    assert list(pieces) == [" or", " (", "two", ")", ",", " done", "."]


@pytest.mark.parametrize(
    ("kind", "text", "start"), [("char", "a\n", "\n"), ("byte", "a\n", "0a"), ("word", "a. b", ".")]
)
def test_a_text_begins_after_what_ends_one(kind, text, start):
    tokens = tokenizer(kind)
    codec = StreamCodec(tokens, Vocabulary.build([tokens.split(text)]))
    assert codec.vocabulary.symbols[codec.start] == start


def test_a_text_begins_after_an_unknown_token_where_nothing_ends_one():
    codec = StreamCodec(tokenizer("word"), Vocabulary.build([["a", "b"]]))
    assert codec.start == codec.vocabulary.unk
