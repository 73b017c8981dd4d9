"""Spans beside texts, and between brackets: what each word is tagged with."""

import pytest


def folder(path, **files):
    path.mkdir()
    for name, content in files.items():
        stem, ending = name.rsplit("_", 1)
        (path / f"{stem}.{ending}").write_text(content, encoding="utf-8")
    return str(path)


TEXT = "Ada Lovelace saw Paris.\nÉva met Bob.\n"
SPANS = "T1\tPER 0 12\tAda Lovelace\nT2\tLOC 17 22\tParis\nT3\tPER 24 27\tÉva\nT4\tPER 32 35\tBob\n"
OTHERS = "R1\tmet Arg1:T3 Arg2:T4\nA1\tsure T1\n#1\tAnnotatorNotes T1\twho?\n*\tEquiv T3 T4\n"
TAGS = [("B-PER", "I-PER", "O", "B-LOC", "O"), ("B-PER", "O", "B-PER", "O")]


def test_lines_beside_an_ann_are_sentences_with_its_spans(wild, tmp_path):
    path = folder(tmp_path / "d", a_txt=TEXT, a_ann=SPANS + OTHERS)
    reading = wild("tag", path)
    assert [sentence.tags for sentence in reading.examples] == TAGS
    assert [str(sentence.location).rpartition("/")[2] for sentence in reading.examples] == ["a.txt:1", "a.txt:2"]


def test_lines_that_a_span_joins_are_one_sentence(wild, tmp_path):
    reading = wild(
        "tag", folder(tmp_path / "d", a_txt="We saw New\nYork today.\nYes.\n", a_ann="T1\tLOC 7 15\tNew York\n")
    )
    assert [sentence.words for sentence in reading.examples] == [
        ("We", "saw", "New", "York", "today", "."),
        ("Yes", "."),
    ]
    assert reading.examples[0].tags == ("O", "O", "B-LOC", "I-LOC", "O", "O")


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ("T1\tPER 0 3\tBob\n", "a.ann:1: the span 0 to 3 is 'Ada' in the text, but says 'Bob'"),
        ("T1\tPER 0 300\n", "a.ann:1: the span 0 to 300 is not in the text, which has 36 characters"),
        ("T1\tPER zero\tAda\n", "a.ann:1: 'T1\\tPER zero\\tAda' is not a span; a line is T1, tab, LABEL START END"),
    ],
)
def test_spans_that_cannot_be_are_named(wild, tmp_path, spans, message):
    assert message in wild("tag", folder(tmp_path / "d", a_txt=TEXT, a_ann=spans)).error


def test_a_folder_without_spans_says_what_is_missing(wild, tmp_path):
    assert "is a folder without .ann files" in wild("tag", folder(tmp_path / "d", a_txt=TEXT)).error
    assert "there is no a.txt beside it" in wild("tag", folder(tmp_path / "e", a_ann=SPANS)).error


BRACKETS = "Ada (PER*\nLovelace *)\nsaw *\nNew (LOC(CITY*\nYork *))\n\nBob (PER)\nleft *\n\nrain *\nfell *\n"


def test_spans_between_brackets_are_tags_of_bio_the_outer_ones(wild):
    reading = wild("tag", "a.conll", BRACKETS)
    assert [sentence.tags for sentence in reading.examples] == [
        ("B-PER", "I-PER", "O", "B-LOC", "I-LOC"),
        ("B-PER", "O"),
        ("O", "O"),
    ]
    assert any(note.startswith("the tags are spans between brackets, such as '(LOC(CITY*'") for note in reading.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BRACKETS.replace("*)\n", "*\n", 1), "a.conll:1: a bracket of the sentence is never closed"),
        (BRACKETS.replace("left *", "left *)"), "a.conll:7: word 2 closes a bracket that none opens"),
    ],
)
def test_brackets_that_do_not_match_are_named(wild, content, message):
    assert wild("tag", "a.conll", content).error.startswith(message)


def test_round_brackets_among_words_and_labels_are_not_spans(wild):
    reading = wild("tag", "a.conll", "( (\nword NN\n) )\n\nsome DT\nword NN\n\na DT\n( (\n")
    assert reading.examples[0].tags == ("(", "NN", ")")
