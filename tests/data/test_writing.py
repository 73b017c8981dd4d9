"""Text that is written: placeholders, spacing, and tokens that can be joined to a text again."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.placeholders import SLOTS, find_placeholders, is_slot, mask, slot, unmask
from seqkit.data.spacing import Spacing, plain_spaces
from seqkit.data.subwords import WRITABLE, BytePairs, JoinedWords, SpacedTokens, learn_tokenizer, load_tokenizer
from seqkit.errors import SeqkitError, UsageError

modest = settings(max_examples=100, deadline=None, derandomize=True)
placeholder = st.sampled_from(["%1", "%2", "%s", "{0}", "{name}", "%(count)d", "${HOME}", "%%", "%.2f", "$USER"])
words = st.text(
    st.characters(exclude_categories=["Cs", "Co", "Cc", "Zs", "Zl", "Zp"], exclude_characters="%{}$￭▁"), max_size=6
)
texts = st.lists(
    words | st.sampled_from(["l'été", "don't", "(a)", "3,5", "?", "«", "»"]) | placeholder, max_size=8
).map(" ".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%s of %d, 50% done", ["%s", "%d"]),
        ("{0} {name} {{a}} {}", ["{0}", "{name}", "{{a}}", "{}"]),
        ("%(total)s ${HOME} $PATH %1$s", ["%(total)s", "${HOME}", "$PATH", "%1$s"]),
        ("%2%% used, %5.2f kB", ["%2", "%%", "%5.2f"]),
        ("100 % sure, a $5 bill {not one}", []),
        ("%1%2", ["%1", "%2"]),
    ],
)
def test_placeholders_are_found(text, expected):
    assert find_placeholders(text) == expected


def test_a_translation_has_the_numbers_of_its_source():
    source, placeholders = mask("%2 of %1 and %2")
    assert (source, placeholders) == (f"{slot(0)} of {slot(1)} and {slot(2)}", ("%2", "%1", "%2"))
    # The second %2 of the target is the second of the source; %3 is not in it.
    assert mask("%1 : %2, %2, %3", placeholders) == (f"{slot(1)} : {slot(0)}, {slot(2)}, %3", placeholders)


@modest
@given(text=texts)
def test_masking_is_undone(text):
    masked, placeholders = mask(text)
    assert unmask(masked, placeholders) == text
    assert not find_placeholders(masked)
    assert list(placeholders) == find_placeholders(text)


def test_there_are_only_so_many_slots_and_none_in_a_text_is_taken_for_one():
    masked, placeholders = mask("%1 " * (SLOTS + 2))
    assert len(placeholders) == SLOTS
    assert masked.count("%1") == 2
    assert mask(f"a{slot(3)}b") == ("a\ufffdb", ())
    assert mask("%1 %2", slots=1) == (f"{slot(0)} %2", ("%1",))
    assert unmask(f"x{slot(4)}", ["%1"]) == "x"


def test_the_space_before_a_mark_is_the_one_that_stands_there_most():
    thin, fixed = "\u202f", "\u00a0"
    french = [f"Oui{thin}?", f"Non{thin}?", "Qui ?", f"Ici{fixed}:", "«\u00a0Ah\u00a0»", "Bon !", "Va."]
    spacing = Spacing.learn(french)
    assert spacing.apply("Quoi ? Là : « moi » !") == f"Quoi{thin}? Là{fixed}: «{fixed}moi{fixed}» !"
    assert Spacing(**json.loads(json.dumps(spacing.to_json()))).apply("Quoi ?") == f"Quoi{thin}?"
    assert Spacing.learn(["Who? Me!"]).apply("Who ? x") == "Who ? x"


@modest
@given(text=texts, learned=st.lists(texts, max_size=3))
def test_spacing_changes_nothing_but_the_kind_of_spaces(text, learned):
    assert plain_spaces(Spacing.learn(learned).apply(text)) == plain_spaces(text)


@modest
@given(text=texts)
def test_joined_words_lose_only_the_kind_and_number_of_spaces(text):
    split = JoinedWords()
    masked, placeholders = mask(text)
    tokens = split.split(masked)
    assert unmask(split.join(tokens), placeholders) == plain_spaces(text)
    assert sum(map(is_slot, tokens)) == len(placeholders)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Fait-il beau ?", ["Fait", "￭-￭", "il", "beau", "?"]),
        ("Don't!", ["Don'￭", "t", "￭!"]),
        ("l'amour (3,5)", ["l'￭", "amour", "(￭", "3,5", "￭)"]),
        (f'"{slot(0)}{slot(1)}"', ['"￭', slot(0), "￭", slot(1), '￭"']),
        ("￭", ["■"]),
        ("", []),
    ],
)
def test_joiners_are_where_there_is_no_space(text, tokens):
    assert JoinedWords().split(text) == tokens


@pytest.fixture(scope="module")
def subwords():
    return BytePairs.learn(["Fait-il beau ? Oui, il fait beau.", "l'amour de l'été", f"Ouvrir {slot(0)}"] * 3, 150)


@modest
@given(pieces=st.lists(st.sampled_from(["Fait-il", "beau ?", "l'amour", "été.", slot(0), slot(15), "toibeau"])))
def test_subwords_lose_only_the_kind_and_number_of_spaces(pieces, subwords):
    text = " ".join(pieces)
    tokens = subwords.split(text)
    assert subwords.join(tokens) == text
    assert sum(map(is_slot, tokens)) == sum(map(is_slot, text))


def test_a_word_that_was_seen_is_one_subword_and_another_is_some(subwords):
    assert subwords.split("beau ?") == ["▁beau", "▁?"]
    assert len(subwords.split("amoubeau")) > 1
    assert subwords.split("日 beau") == ["▁", "<unk>", "▁beau"]
    assert subwords.split("") == []


def test_subwords_are_learned_alike_each_time_and_kept_as_json(subwords):
    again = BytePairs.learn(["Fait-il beau ? Oui, il fait beau.", "l'amour de l'été", f"Ouvrir {slot(0)}"] * 3, 150)
    assert again.to_json() == subwords.to_json()
    loaded = load_tokenizer(json.loads(json.dumps(subwords.to_json())))
    assert loaded.split("l'amour est beau") == subwords.split("l'amour est beau")


@modest
@given(text=texts)
def test_every_tokenizer_is_the_same_after_json(text):
    for name in WRITABLE[1:]:
        original = learn_tokenizer(name, [], 0)
        loaded = load_tokenizer(json.loads(json.dumps(original.to_json())))
        assert loaded.split(text) == original.split(text)
        assert loaded.join(loaded.split(text)) == original.join(original.split(text))


def test_spaced_tokens_are_what_white_space_separates():
    assert SpacedTokens().split(" F AH0\tN ") == ["F", "AH0", "N"]
    assert SpacedTokens().join(["F", "AH0"]) == "F AH0"


def test_what_is_not_a_tokenizer_is_refused():
    with pytest.raises(UsageError, match="unknown tokenizer 'bpx'; did you mean 'bpe'"):
        learn_tokenizer("bpx", [], 10)
    with pytest.raises(SeqkitError, match="the subwords are damaged"):
        load_tokenizer({"name": "bpe", "model": {}})


def test_without_the_tokenizers_library_subwords_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"'bpe' needs tokenizers; install it with: pip install 'seqkit\[text\]'"):
        learn_tokenizer("bpe", ["a"], 10)
