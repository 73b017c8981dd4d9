"""What the tokenizers promise: nothing lost by char and byte, words as a reader sees them."""

import json
import time

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.tokenizers import TOKENIZERS, CharTokenizer, tokenizer, tokenizer_from_json
from seqkit.errors import SeqkitError, UsageError

modest = settings(max_examples=100, deadline=None, derandomize=True)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
awkward = st.sampled_from(
    [FAMILY, "\U0001f1e9\U0001f1ea", "e\u0301", "שלום", "مرحبا", "日本", "ไทย", "\r\n", "don't", "<br />"]
)
texts = st.lists(st.text(max_size=8) | awkward, max_size=8).map("".join)


@modest
@given(name=st.sampled_from(["char", "byte"]), text=texts)
def test_char_and_byte_give_the_text_back(name, text):
    split = tokenizer(name)
    assert split.lossless
    assert split.join(split.split(text)) == text


@modest
@given(text=st.text(alphabet=st.characters(exclude_categories=()), max_size=30))
def test_no_tokenizer_stumbles_over_a_lone_surrogate(text):
    for name in TOKENIZERS:
        split = tokenizer(name)
        split.join(split.split(text)).encode()


def test_a_lone_surrogate_becomes_the_replacement_character():
    assert tokenizer("char").split("a\ud800b") == ["a", "\ufffd", "b"]
    assert tokenizer("byte").split("\udfff") == ["ef", "bf", "bd"]
    assert tokenizer("word").split("a \ud800") == ["a", "\ufffd"]


def test_a_character_is_what_a_reader_calls_one():
    assert tokenizer("char").split(f"e\u0301{FAMILY}\U0001f1e9\U0001f1ea") == [
        "e\u0301",
        FAMILY,
        "\U0001f1e9\U0001f1ea",
    ]


def test_bytes_are_two_digits_each_and_a_broken_sequence_is_shown_as_such():
    assert tokenizer("byte").split("é") == ["c3", "a9"]
    assert tokenizer("byte").join(["c3"]) == "\ufffd"
    assert tokenizer("byte").join(["61", "<unk>", "62"]) == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't go at o'clock", ["don't", "go", "at", "o'clock"]),
        ("l’amour", ["l’amour"]),
        ("a well-known film", ["a", "well", "-", "known", "film"]),
        ("3.5 of 1,000.", ["3.5", "of", "1,000", "."]),
        ("Wow!!! so... (yes)", ["wow", "!!!", "so", "...", "(", "yes", ")"]),
        ("one<br />two<BR>three", ["one", "two", "three"]),
        ("cafe\u0301 नमस्ते", ["cafe\u0301", "नमस्ते"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("日本 ok", ["日", "本", "ok"]),
        ("น้ำ", ["น้ำ"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_words(text, tokens):
    assert tokenizer("word").split(text) == tokens


def test_words_keep_their_case_when_asked():
    assert tokenizer("word", lowercase=False).split("Don't STOP") == ["Don't", "STOP"]


@modest
@given(text=texts)
def test_words_lose_nothing_but_white_space(text):
    without_spaces = "".join(tokenizer("word", lowercase=False).split(text))
    assert "".join(without_spaces.split()) == "".join(text.replace("<br />", "").split())


@modest
@given(text=st.text(alphabet=st.characters(max_codepoint=127), max_size=40))
def test_a_foreign_word_elsewhere_never_changes_how_plain_text_is_split(text):
    words = tokenizer("word")
    assert words.split(f"{text} é") == [*words.split(text), "é"]


def test_joined_words_read_as_prose():
    words = tokenizer("word")
    assert words.join(words.split("Well, (really) it isn't bad!")) == "well, (really) it isn't bad!"


@pytest.mark.parametrize("original", [tokenizer("word", lowercase=False), tokenizer("char"), tokenizer("byte")])
def test_a_tokenizer_comes_back_from_json_with_its_options(original):
    again = tokenizer_from_json(json.loads(json.dumps(original.to_json())))
    assert type(again) is type(original)
    assert again.to_json() == original.to_json()
    assert again.split("Ab c") == original.split("Ab c")


def test_a_wrong_name_or_option_is_named():
    with pytest.raises(UsageError, match="unknown tokenizer 'wrod'; did you mean 'word'"):
        tokenizer("wrod")
    with pytest.raises(UsageError, match="lowercse"):
        tokenizer("word", lowercse=True)


@pytest.mark.parametrize("value", [None, [], {}, {"name": 3}, {"name": "nope"}, {"name": "char", "x": 1}])
def test_a_description_that_is_none_is_refused(value):
    with pytest.raises(SeqkitError):
        tokenizer_from_json(value)


# What grapheme clusters are made of: flags, marks, joiners, signs before a letter, syllables, conjuncts, line ends.
PIECES = [
    "🇦",
    "🇧",
    "🇿",
    "\u0301",
    "\u200d",
    "\ufe0f",
    "🏽",
    "👩",
    "❤",
    "\u0600",
    "ก",
    "ำ",
    "ᄀ",
    "ᅡ",
    "ᆨ",
    "각",
    "क",
    "्",
    "ि",
    "\r",
]
PIECES += ["\n", "a", " ", "\u0e33", "\U000110bd", "\u200b", "\U000e0041"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_characters_are_grapheme_clusters_whatever_is_beside_flags(text):
    assert CharTokenizer().split(text) == regex.findall(r"(?V1)\X", text)


@pytest.mark.parametrize(
    "unit", ["🇦", "🇦🇧", "🇦\u0301", "\u0301", "\u200d", "👩\u200d", "क्", "ᄀ", "\u0600", "\r\n", "\u0600🇦"]
)
def test_the_time_of_splitting_into_characters_grows_with_the_text_alone(unit):
    def seconds(count):
        text, best = unit * count, 9.0
        for _ in range(3):
            began = time.process_time()
            CharTokenizer().split(text)
            best = min(best, time.process_time() - began)
        return best

    # Sixteen times as many take sixteen times as long, and would take 256 times as long if it were quadratic.
    assert seconds(16_000) < 80 * seconds(1_000) + 0.01
