import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import Example, SourceLocation
from seqkit.data.punctuation import CASES, LABELS, MARKS, bare, labelled, read_text, restored, stretches

LOCATION = SourceLocation("a.txt", 1)


@pytest.mark.parametrize(
    ("text", "words", "labels"),
    [
        ("I loved it. Did you?", "i loved it did you", "Aa aa aa. Aa aa?"),
        ("NASA's U.S. base, really!", "nasa's u.s base really", "AA AA. aa, aa!"),
        ('Oh ... (no); "yes": 3.5 stars', "oh no yes 3.5 stars", "Aa. aa, aa, aa aa"),
        ("wait--what?! It's self-made...or not", "wait what it's self-made or not", "aa aa? Aa aa. aa aa"),
        ('He said "Stop!", then left.', "he said stop then left", "Aa aa Aa! aa aa."),
        ("l’été and/or 1,000 Élan", "l’été and/or 1,000 élan", "aa aa aa Aa"),
        ("A B", "a b", "Aa Aa"),
        (" -- !", "", ""),
        ("", "", ""),
    ],
)
def test_words_get_their_capitals_and_the_mark_that_follows(text, words, labels):
    assert list(labelled(text)) == list(zip(words.split(), labels.split(), strict=True))
    assert bare(text) == words.split()


@pytest.mark.parametrize(
    "text", ["I loved it. Did you?", "Well, NASA's film won! It had 3.5 stars, no more.", "the Red-headed man"]
)
def test_plain_text_is_restored_as_it_was(text):
    words, labels = zip(*labelled(text), strict=True)
    assert restored(words, labels) == text


WORD = st.from_regex(r"[a-z]{1,6}(?:'[a-z])?", fullmatch=True)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(WORD, st.sampled_from(LABELS)), max_size=12))
def test_labels_say_all_that_was_taken_away(pairs):
    # Of one letter, a capital first and all capitals are the same.
    pairs = [(word, "Aa" + label[2:] if len(word) == 1 and label[:2] == "AA" else label) for word, label in pairs]
    words, labels = [word for word, _ in pairs], [label for _, label in pairs]
    assert list(labelled(restored(words, labels))) == pairs
    assert bare(restored(words, labels)) == words


def test_there_is_a_label_for_every_case_with_every_mark():
    assert len(set(LABELS)) == len(LABELS) == len(CASES) * (1 + len(MARKS))


def test_paragraphs_are_cut_after_sentences_where_they_can_be():
    text = "One two. Three four five. Six seven eight<br /><br />nine ten eleven twelve thirteen fourteen"
    cut = list(stretches([Example(text, "x", LOCATION)], 5))
    assert [" ".join(stretch.words) for stretch in cut] == [
        "one two three four five",
        "six seven eight",
        "nine ten eleven twelve thirteen",
        "fourteen",
    ]
    assert cut[0].tags == ("Aa", "aa.", "Aa", "aa", "aa.")
    assert all(stretch.location == LOCATION for stretch in cut)


def test_each_line_of_a_file_is_a_paragraph(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Hello there.\n\nBye\n", encoding="utf-8")
    assert [(s.words, s.tags, s.location.line) for s in read_text(path, 9)] == [
        (("hello", "there"), ("Aa", "aa."), 1),
        (("bye",), ("Aa",), 3),
    ]
