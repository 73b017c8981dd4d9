"""Files of tagged words: which columns or keys are words and tags, where sentences end, and how tags are spelled."""

import bz2
import gzip
import io
import json
import lzma
import zipfile

import pytest

from tests.data.wild.tagged_forms import (
    COLUMNS,
    CONLLU,
    FLAT,
    LISTED,
    NAMES,
    NUMBERED,
    NUMBERED_LINES,
    OFFSETS,
    POS,
    SENTENCES,
    SPANNED,
    STRINGS,
    TABLES,
    TEXTS,
    csv_of,
    plain,
    text,
    with_pos,
)


def pairs(reading):
    return [list(zip(s.words, s.tags, strict=True)) for s in reading.examples]


@pytest.mark.parametrize("number", range(len(COLUMNS)), ids=COLUMNS)
def test_words_tags_and_sentences_are_found_whatever_is_beside_them(wild, number):
    ending = (".conll", ".tsv", ".txt", ".iob2")[number % 4]
    reading = wild("tag", f"a{ending}", [*COLUMNS.values()][number])
    assert not reading.error
    assert pairs(reading) == SENTENCES


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_hold_a_word_a_row_or_lists(wild, content):
    reading = wild("tag", "a.csv", content)
    assert not reading.error
    assert pairs(reading) == SENTENCES


@pytest.mark.parametrize("form", OFFSETS.values(), ids=OFFSETS)
def test_spans_of_a_text_become_tags_of_its_words(wild, form):
    rows = [form(t, spans) for t, spans in TEXTS]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    array = json.dumps(rows, indent=2)
    for name, content in (("a.jsonl", lines), ("b.json", f'{{"data": {array}}}')):
        reading = wild("tag", name, content)
        assert not reading.error
        assert pairs(reading) == SPANNED


def test_of_several_lists_the_longest_is_read_and_the_others_are_reported(wild):
    rows = [{"text": t, "spans": spans} for t, spans in TEXTS]
    reading = wild("tag", "a.json", json.dumps({"train": rows, "dev": rows[:1]}))
    assert pairs(reading) == SPANNED
    assert any("sentences are read from 'train' alone, not from dev" in note for note in reading.notes)


def test_a_text_and_its_spans_as_a_pair(wild):
    rows = [[t, {"entities": spans}] for t, spans in TEXTS]
    assert pairs(wild("tag", "a.json", json.dumps(rows))) == SPANNED
    assert pairs(wild("tag", "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))) == SPANNED


def test_spans_that_fit_no_words_are_reported(wild):
    rows = [
        {"text": "Yorkshire is near.", "spans": [[0, 4, "LOC"]]},
        {"text": "New York Times", "spans": [[0, 8, "LOC"], [0, 14, "ORG"]]},
        {"text": "None here.", "spans": []},
    ]
    reading = wild("tag", "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert [s.tags for s in reading.examples][:2] == [("B-LOC", "O", "O", "O"), ("B-ORG", "I-ORG", "I-ORG")]
    assert any(
        "1 span was widened to whole words" in note and "'York' to 'Yorkshire'" in note for note in reading.notes
    )
    assert any("1 span was left out for a longer one" in note and "a.jsonl:2" in note for note in reading.notes)


@pytest.mark.parametrize("rows", LISTED.values(), ids=LISTED)
def test_lists_of_words_and_tags_are_found_under_the_usual_keys(wild, rows):
    reading = wild("tag", "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert not reading.error
    assert pairs(reading) == SENTENCES


def test_names_of_numbers_are_beside_the_array(wild):
    content = json.dumps({"version": 1, "tag_names": NAMES, "data": NUMBERED})
    assert pairs(wild("tag", "a.json", content)) == SENTENCES


NAME_FILES = {
    "names.txt": "\n".join(NAMES) + "\n",
    "list.json": json.dumps(NAMES),
    "id2label.json": json.dumps({str(n): name for n, name in enumerate(NAMES)}),
    "label2id.json": json.dumps({name: n for n, name in enumerate(NAMES)}),
    "dataset_info.json": json.dumps(
        {"features": {"pos": {"feature": {"names": ["X"]}}, "ner_tags": {"feature": {"names": NAMES}}}}
    ),
    "config.json": json.dumps({"id2label": {str(n): name for n, name in enumerate(NAMES)}, "size": 3}),
}


@pytest.mark.parametrize("name", NAME_FILES)
def test_tags_that_are_numbers_get_their_names_from_a_file(wild, tmp_path, name):
    (tmp_path / name).write_text(NAME_FILES[name])
    options = {"tag_names": str(tmp_path / name), "tag_column": "ner_tags"}
    assert pairs(wild("tag", "a.jsonl", NUMBERED_LINES, **options)) == SENTENCES
    lines = text(lambda n, word, tag: (word, NAMES.index(tag)))
    options = {"tag_names": str(tmp_path / "names.txt")}
    (tmp_path / "names.txt").write_text(NAME_FILES["names.txt"])
    assert pairs(wild("tag", "a.conll", lines, **options)) == SENTENCES


def test_numbers_without_names_are_reported(wild):
    reading = wild("tag", "a.jsonl", NUMBERED_LINES)
    assert any("the tags are numbers (0, 1, 2, 3, 4)" in n and "--tag-names" in n for n in reading.notes)


SPELLINGS = {
    "underscore": lambda tag: tag.replace("-", "_"),
    "colon": lambda tag: tag.replace("-", ":"),
    "letter last": lambda tag: "-".join(reversed(tag.split("-"))),
    "letter last, underscore": lambda tag: "_".join(reversed(tag.split("-"))),
    "small letter": lambda tag: tag if tag == "O" else tag[0].lower() + tag[1:],
    "zero": lambda tag: "0" if tag == "O" else tag,
    "small o": lambda tag: tag.replace("O", "o") if tag == "O" else tag,
    "zero and underscore": lambda tag: "0" if tag == "O" else tag.replace("-", "_"),
    "M for inside": lambda tag: tag.replace("I-", "M-"),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_tags_of_spans_are_known_in_other_spellings(wild, spelling):
    reading = wild("tag", "a.conll", text(lambda n, word, tag: (word, spelling(tag))))
    assert pairs(reading) == SENTENCES
    assert any("were read as" in note for note in reading.notes)
    assert any("spans in the scheme BIO (IOB2): LOC, ORG, PER" in finding for finding in reading.findings)


def test_letters_alone_are_spans_of_one_type(wild):
    reading = wild("tag", "a.conll", text(lambda n, word, tag: (word, tag[0])))
    assert [s.tags[:2] for s in reading.examples][:2] == [("B-SPAN", "I-SPAN"), ("B-SPAN", "O")]


@pytest.mark.parametrize(
    ("tag", "what"),
    [
        (lambda word, tag: tag, "the tags mark spans in the scheme BIO (IOB2): LOC, ORG, PER"),
        (lambda word, tag: POS[word], "the tags are 7 plain labels"),
        (lambda word, tag: tag[2:] or "O", "the tags are 4 plain labels; if they mark spans, write them as B-PER"),
    ],
)
def test_doctor_names_the_scheme(wild, tag, what):
    reading = wild("tag", "a.conll", text(lambda n, word, t: (word, tag(word, t))))
    assert any(finding.startswith(what) for finding in reading.findings)


def compressed(content, ending):
    if ending == ".zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a.conll", content)
        return file.getvalue()
    return {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[ending](content)


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zip"])
def test_compressed_files_are_read_as_what_is_inside(wild, ending):
    assert pairs(wild("tag", f"a.conll{ending}", compressed(text(plain).encode(), ending))) == SENTENCES
    assert pairs(wild("tag", f"a.csv{ending}", compressed(TABLES["texts"].encode(), ending)))[:1] == (
        SENTENCES[:1] if ending != ".zip" else []
    )


def test_files_in_another_encoding_are_read_as_it_says(wild):
    content = text(plain).replace("Lovelace", "Müller’s").encode("cp1252")
    reading = wild("tag", "a.conll", content)
    assert "give --encoding cp1252" in reading.error
    assert wild("tag", "a.conll", content, encoding="cp1252").examples[0].words[1] == "Müller’s"
    wide = text(plain).encode("utf-16")
    assert pairs(wild("tag", "a.conll", wide)) == SENTENCES
    rows = csv_of([("text", "labels"), *STRINGS]).replace("Lovelace", "Müller’s").encode("cp1252")
    assert wild("tag", "a.csv", rows, encoding="cp1252").examples[0].words[1] == "Müller’s"


def test_a_word_of_a_no_break_space_is_a_word(wild):
    reading = wild("tag", "a.conll", text(plain).replace("saw", "\u00a0"))
    assert reading.examples[0].words[2] == "\u00a0"
    assert any("1 word is white space alone, the first, '\\xa0'" in note for note in reading.notes)


@pytest.mark.parametrize("column", ["NER", "misc:NER", "MISC.NER"])
def test_tags_may_be_among_the_features_of_a_treebank(wild, column):
    assert pairs(wild("tag", "a.conllu", CONLLU, tag_column=column)) == SENTENCES


@pytest.mark.parametrize("name", ["a.conll", "a.txt"])
def test_a_treebank_is_known_by_its_columns(wild, name):
    reading = wild("tag", name, CONLLU)
    assert [s.tags for s in reading.examples] == [tuple(POS[w] for w, _ in s) for s in SENTENCES]
    assert any("read as CoNLL-U" in note for note in reading.notes)
    assert pairs(wild("tag", name, CONLLU, tag_column="NER")) == SENTENCES


def test_sentences_may_have_more_columns_than_others(wild):
    content = (
        text(with_pos).replace("We\tP\tB-NP\tO", "We\tP\tB-NP\tO\tA0").replace("met\tV\tB-VP\tO", "met\tV\tB-VP\tO\tV")
    )
    content = content.replace("Bob\tN\tB-NP\tB-PER", "Bob\tN\tB-NP\tB-PER\tA1").replace(
        "Lee\tN\tB-NP\tI-PER", "Lee\tN\tB-NP\tI-PER\t*"
    )
    reading = wild("tag", "a.conll", content.replace("!\t.\tO\tO", "!\t.\tO\tO\t*"))
    assert pairs(reading) == SENTENCES
    assert any("1 sentence has more or fewer columns than the others" in note for note in reading.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text(plain, " ").replace("Ada", "Ada Byron"), "a.conll:1: 3 columns, but line 2 has 2; correct the line"),
        (text(plain, " ") + "\nNew York B-LOC\n", "a.conll:25: 3 columns, but line 1 has 2; correct the line"),
        (text(plain).replace("saw\tO", "saw O"), "a.conll:3: 1 column, but line 1 has 2"),
        (text(plain).replace("saw\tO", "saw\t"), "a.conll:3: word 'saw' with tag '': neither may be empty"),
        (text(with_pos, " ").replace("# S O O", "# S O"), "a.conll:13: 3 columns, but line 1 has 4"),
        ("Some tool wrote this\n" + text(plain, " "), "a.conll:1: 4 columns, but line 2 has 2"),
        ("Word\tTag\nAda\n", "a.conll:2: 1 column, but line 1 has 2; correct the line"),
        ("word\ttag\n", "a.conll:1: the file has a header but no words"),
        ("Ada\nLovelace\n\nsaw\n", "a.conll:1: one column only; a line is a word and its tag"),
        (
            "".join(f"w{n} O\n" for n in range(300)),
            "a.conll:1: no blank line ends a sentence, so that all 300 words form one sentence",
        ),
        ("\n".join(f"{n}\tword{n % 7}" for n in range(1, 30)), "a.conll:1: one column of words and none of tags"),
        ("", "a.conll:1: there is no sentence with words"),
    ],
)
def test_lines_that_do_not_fit_are_named(wild, content, message):
    assert wild("tag", "a.conll", content).error.startswith(message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "Ada saw", "spans": [[0, 3]]}, "a.jsonl:3: '[0, 3]' is not a span; write"),
        ({"text": "Ada saw", "spans": [[0, 30, "PER"]]}, "a.jsonl:3: the span 0 to 30 is not in the text, which has 7"),
        ({"text": "Ada saw", "spans": [[3, 3, "PER"]]}, "a.jsonl:3: the span 3 to 3 is not in the text"),
        ({"text": "Ada saw", "spans": [[3, 4, "PER"]]}, "a.jsonl:3: the span 3 to 4 has no word in it"),
        ({"text": "Ada saw", "spans": "x"}, "a.jsonl:3: 'spans' is not a list of spans"),
        ({"text": "Ada saw"}, "a.jsonl:3: no key 'spans', only 'text'"),
        (
            {"text": "Ada saw", "spans": [{"start": 4, "end": 7, "label": "X", "text": "Ada"}]},
            "a.jsonl:3: the span 4 to 7 is 'saw' in the text, but says 'Ada'; count characters (not bytes) from 0",
        ),
        ({"text": 7, "spans": []}, "a.jsonl:3: 'text' is not a text"),
    ],
)
def test_spans_that_cannot_be_are_named(wild, row, message):
    rows = [{"text": t, "spans": s} for t, s in TEXTS[:2]]
    assert wild("tag", "a.jsonl", "".join(json.dumps(r) + "\n" for r in [*rows, row])).error.startswith(message)


def test_a_number_without_a_name_is_named(wild, tmp_path):
    (tmp_path / "names.txt").write_text("O\nB-PER\n")
    reading = wild("tag", "a.jsonl", NUMBERED_LINES, tag_names=str(tmp_path / "names.txt"))
    assert reading.error == "a.jsonl:1: tag '2' has no name, only 0 to 1; correct the names"
    (tmp_path / "names.txt").write_text("{")
    assert (
        "names.txt:1: this is not JSON"
        in wild("tag", "a.jsonl", NUMBERED_LINES, tag_names=str(tmp_path / "names.txt")).error
    )


def test_a_file_without_features_of_that_name_says_which_there_are(wild):
    assert "no word has Ner in misc, only NER, SpaceAfter" in wild("tag", "a.conllu", CONLLU, tag_column="Ner").error
    content = CONLLU.replace("\tN\t_", "\t_\t_")
    assert (
        "choose another column such as NER, a key in misc, with --tag-column" in wild("tag", "a.conllu", content).error
    )


def test_words_that_look_like_lists_and_labels_that_look_like_numbers_of_words(wild):
    rows = text(lambda n, word, tag: (word.replace("saw", "[1]"), tag), ",")
    assert wild("tag", "a.csv", "word,tag\n" + rows).examples[0].words[2] == "[1]"
    labels = ["0", "1", "2", "0", "0"] * 4
    rows = "".join(f"w{n}\t{label}\n" + "\n" * (n % 5 == 4) for n, label in enumerate(labels))
    assert [s.tags for s in wild("tag", "a.conll", rows).examples] == [("0", "1", "2", "0", "0")] * 4


def test_columns_taken_are_reported(wild):
    notes = wild("tag", "a.conll", COLUMNS["inner spans"]).notes
    assert any("words are column 2 of 4, tags column 3; choose others with --word-column" in n for n in notes)
    notes = wild("tag", "a.csv", TABLES["first row of a sentence names it"]).notes
    assert any(
        "words are column 2 (Word) of 4, tags column 4 (Tag), sentences are identified by column 1 (Sentence #)" in n
        for n in notes
    )
    assert not [n for n in wild("tag", "a.conll", COLUMNS["two"]).notes if "column" in n]


def test_columns_can_be_requested_by_name_and_number(wild):
    content = COLUMNS["header of four"]
    for column in ("POS", "2", "-3"):
        reading = wild("tag", "a.conll", content, tag_column=column)
        assert [s.tags for s in reading.examples] == [tuple(POS[w] for w, _ in s) for s in SENTENCES]
    rows = csv_of([("paragraph", "word", "tag"), *FLAT])
    assert pairs(wild("tag", "a.csv", rows, sentence_column="paragraph")) == SENTENCES
