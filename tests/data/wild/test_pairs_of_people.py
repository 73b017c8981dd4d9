"""Files of pairs: which fields are the sides, and lines that do not fit."""

import json

import pytest


def sides(reading):
    return [(pair.source, *pair.references) for pair in reading.examples]


TWO = [("Go.", "Va !"), ("Run!", "Cours !"), ("Hi.", "Salut !")]


def lines(*rows):
    return "".join("\t".join(row) + "\n" for row in rows)


LAYOUTS = {
    "plain": lines(*TWO),
    "attribution": lines(*((*pair, f"CC-BY 2.0 (France) #{n}") for n, pair in enumerate(TWO))),
    "numbers on either side": lines(*((str(1276 + n), a, str(35 * n), b) for n, (a, b) in enumerate(TWO))),
    "numbers and codes": lines(*((str(n), "eng", a, "fra", b) for n, (a, b) in enumerate(TWO))),
    "number first": lines(*((str(n), a, b) for n, (a, b) in enumerate(TWO))),
    "score last": lines(*((a, b, f"0.{n}1") for n, (a, b) in enumerate(TWO))),
    "header with a number": lines(("id", "source", "target"), *((str(n), a, b) for n, (a, b) in enumerate(TWO))),
    "header the other way": lines(("target", "source"), *((b, a) for a, b in TWO)),
    "header of languages": lines(("English", "French"), *TWO),
    "header in words": lines(("English sentence", "French sentence"), *TWO),
    "header with codes": lines(("lang", "src", "trg"), *(("en-fr", a, b) for a, b in TWO)),
    "windows ends": lines(*TWO).replace("\n", "\r\n"),
    "old mac ends": lines(*TWO).replace("\n", "\r"),
    "blank lines": "\n" + lines(*TWO).replace("\n", "\n\n"),
}


@pytest.mark.parametrize("content", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.txt"])
def test_the_sides_are_found_whatever_is_beside_them(wild, name, content):
    assert sides(wild("translate", name, content)) == TWO


def test_a_header_is_not_a_pair_and_a_pair_is_not_a_header(wild):
    reading = wild("translate", "pairs.tsv", "Text.\tTexte.\nText\tTexte\n")
    assert sides(reading) == [("Text.", "Texte."), ("Text", "Texte")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines(*TWO, ("a", "b", "c")), "pairs.tsv:4: 3 fields, where most lines have 2: a tab inside a text cuts it"),
        (lines(*TWO, ("a",)), "pairs.tsv:4: no tab in 'a'"),
        (lines(("1", "2"), ("3", "4"), ("5", "6")), "pairs.tsv:1: one side holds numbers alone"),
        (lines(("1", "a", "7"), ("2", "b", "8"), ("3", "c", "9")), "pairs.tsv:1: only 1 of 3 fields hold text"),
        (
            lines(*(("1", *pair) for pair in TWO), ("4", "lost")),
            "pairs.tsv:4: 2 fields, where most lines have 3; correct the line",
        ),
    ],
)
def test_lines_that_do_not_fit_are_named(wild, content, message):
    assert wild("translate", "pairs.tsv", content).error.startswith(message)


OBJECTS = {
    "nested": [{"id": str(n), "translation": {"en": a, "fr": b}} for n, (a, b) in enumerate(TWO)],
    "nested target first": [{"translation": {"target": b, "source": a}} for a, b in TWO],
    "flat": [{"id": n, "source": a, "target": b} for n, (a, b) in enumerate(TWO)],
    "sentence names": [{"english_sentence": a, "french_sentence": b, "n": 1} for a, b in TWO],
}


@pytest.mark.parametrize("rows", OBJECTS.values(), ids=OBJECTS)
def test_pairs_inside_objects_are_found(wild, rows):
    content = "".join(json.dumps(row) + "\n" for row in rows)
    assert sides(wild("translate", "pairs.jsonl", content)) == TWO
    assert sides(wild("translate", "pairs.json", json.dumps(rows, indent=1))) == TWO


def test_phonemes_with_tabs_between_are_all_read(wild):
    content = "cat\tK\tAE\tT\nat\tAE\tT\nscat\tS\tK\tAE\tT\n"
    assert sides(wild("g2p", "words.tsv", content)) == [("cat", "K AE T"), ("at", "AE T"), ("scat", "S K AE T")]


def test_phonemes_with_spaces_between_stay_as_they_are(wild):
    content = "cat\tK AE T\nat\tAE T\n"
    assert sides(wild("g2p", "words.tsv", content)) == [("cat", "K AE T"), ("at", "AE T")]


def test_pairs_in_another_encoding_are_read_as_it_says(wild):
    content = lines(*TWO, ("Summer.", "L’été.")).encode("cp1252")
    reading = wild("translate", "pairs.tsv", content)
    assert "give --encoding cp1252" in reading.error and "L’été" in reading.error
    assert sides(wild("translate", "pairs.tsv", content, encoding="cp1252"))[-1] == ("Summer.", "L’été.")
