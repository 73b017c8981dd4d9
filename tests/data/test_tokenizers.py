import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit import UsageError
from seqkit.data import TOKENIZERS, tokenizer, tokenizer_from_json

quick = settings(max_examples=150, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I don't, o'clock", ["i", "don't", ",", "o'clock"]),
        ("l’amour est-il?", ["l’amour", "est", "-", "il", "?"]),
        ("3.5 of 1,000!!! ...", ["3.5", "of", "1,000", "!!!", "..."]),
        ("good<br /><br />bad", ["good", "bad"]),
        ("日本語 ok", ["日", "本", "語", "ok"]),
        ("naïve cafe\u0301 भाषा", ["naïve", "cafe\u0301", "भाषा"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_words_keep_contractions_and_split_punctuation_in_any_script(text, tokens):
    assert tokenizer("word").split(text) == tokens


@quick
@given(st.text(st.characters(max_codepoint=127)))
def test_the_quick_way_for_ascii_gives_the_same_words_as_the_general_one(text):
    # A letter outside ASCII, set off by a space, sends the text the general way.
    assert tokenizer("word").split(text) == tokenizer("word").split(text + " é")[:-1]


def test_case_is_kept_when_asked():
    assert tokenizer("word", lowercase=False).split("New York") == ["New", "York"]


@quick
@given(st.text())
def test_characters_and_bytes_round_trip(text):
    for name in ("char", "byte"):
        made = tokenizer(name)
        assert made.lossless
        assert made.join(made.split(text)) == text


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧‍👦", "e\u0301", "🇫🇷", "각"])
def test_a_grapheme_cluster_is_one_character(cluster):
    assert tokenizer("char").split(f"a{cluster}b") == ["a", cluster, "b"]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_half_a_surrogate_pair_becomes_the_replacement_character(name):
    made = tokenizer(name)
    assert "\ufffd" in made.join(made.split("a \ud800 b"))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_tokenizer_survives_json(name):
    made = tokenizer(name)
    again = tokenizer_from_json(json.loads(json.dumps(made.to_json())))
    assert again.split("Don't ½ 日") == made.split("Don't ½ 日")


def test_joined_words_read_like_text():
    made = tokenizer("word", lowercase=False)
    assert made.join(made.split("Well (yes), it's 3.5!")) == "Well (yes), it's 3.5!"


def test_an_unknown_tokenizer_is_told_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'word'"):
        tokenizer("words")
