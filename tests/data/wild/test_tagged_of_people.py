"""Files of tagged words: which columns or keys are words and tags, where sentences end, and how tags are spelled."""

import bz2
import gzip
import io
import json
import lzma
import zipfile

import pytest

SENTENCES = [
    [("Ada", "B-PER"), ("Lovelace", "I-PER"), ("saw", "O"), ("Paris", "B-LOC"), (".", "O")],
    [("IBM", "B-ORG"), ("sold", "O"), ("it", "O"), ("in", "O"), ("1981", "O")],
    [("#", "O"), ("10", "O"), ("#rain", "O"), ("in", "O"), ("York", "B-LOC")],
    [("We", "O"), ("met", "O"), ("Bob", "B-PER"), ("Lee", "I-PER"), ("!", "O")],
]
POS = {"Ada": "N", "Lovelace": "N", "saw": "V", "Paris": "N", ".": ".", "IBM": "N", "sold": "V", "it": "P", "in": "A"}
POS |= {"1981": "M", "#": "S", "10": "M", "#rain": "N", "York": "N", "We": "P", "met": "V", "Bob": "N", "Lee": "N"}
POS |= {"!": "."}
CHUNK = {"N": "B-NP", "V": "B-VP", "P": "B-NP", "A": "B-PP", "M": "B-NP", "S": "O", ".": "O"}


def pairs(reading):
    return [list(zip(s.words, s.tags, strict=True)) for s in reading.examples]


def text(row, separator="\t", between="\n", end="\n"):
    """The sentences with ``row`` of each word's number, word and tag as a line."""
    blocks = ["".join(separator.join(map(str, row(n, *pair))) + end for n, pair in enumerate(s, 1)) for s in SENTENCES]
    return between.join(blocks)


def plain(number, word, tag):
    return word, tag


def with_pos(number, word, tag):
    return word, POS[word], CHUNK[POS[word]], tag


COLUMNS = {
    "two": text(plain),
    "spaces": text(plain, " "),
    "several spaces": text(plain, "   "),
    "windows ends": text(plain, end="\r\n", between="\r\n"),
    "old mac ends": text(plain, end="\r", between="\r"),
    "byte order mark": "\ufeff" + text(plain),
    "no end": text(plain).rstrip(),
    "blank lines around": "\n\n" + text(plain, between="\n\n\n") + "\n\n",
    "blank lines of spaces": text(plain, between=" \t \n"),
    "four": text(with_pos),
    "four, spaces": text(with_pos, " "),
    "tag first": text(lambda n, word, tag: (tag, word)),
    "tag first, offsets": text(lambda n, word, tag: (tag, 7 * n, 7 * n + len(word), word)),
    "offsets, tag last": text(lambda n, word, tag: (word, 7 * n, 7 * n + len(word), tag)),
    "numbers": text(lambda n, word, tag: (n, word, tag)),
    "numbers from 0": text(lambda n, word, tag: (n - 1, word, tag)),
    "numbers, spaces": text(lambda n, word, tag: (n, word, tag), " "),
    "inner spans": text(lambda n, word, tag: (n, word, tag, "B-LOC" if word == "Lee" else "O")),
    "no inner spans": text(lambda n, word, tag: (n, word, tag, "O")),
    "last column unused": text(lambda n, word, tag: (n, word, tag, "-", "_")),
    "annotator": text(lambda n, word, tag: (n, word, tag, "-", "ann")),
    "document first": text(lambda n, word, tag: ("doc", 0, n - 1, word, POS[word], tag)),
    "lemma between": text(lambda n, word, tag: (word, word.lower(), tag)),
    "stray tab": text(plain).replace("saw\tO\n", "saw\tO\t\n"),
    "stray tabs": text(with_pos).replace("saw\tV\tB-VP\tO\n", "saw\tV\tB-VP\tO\t\t \n"),
    "tab at every end": text(plain, end="\t\n"),
    "space at every end": text(plain, " ", end=" \n"),
    "documents": "-DOCSTART-\tO\n\n" + text(plain) + "\n-DOCSTART-\tO\n",
    "documents, four": "-DOCSTART- -X- -X- O\n\n" + text(with_pos, " "),
    "documents without blank lines": text(plain, between="-DOCSTART-\tO\n"),
    "header": "word\ttag\n" + text(plain),
    "header and blank line": "Token\tNER\n\n" + text(plain),
    "header of four": "Word POS Chunk NER\n" + text(with_pos, " "),
    "header twice": text(plain, between="token\ttag\n").replace("Ada\t", "token\ttag\nAda\t", 1),
    "header with numbers": "id\tform\tlabel\n" + text(lambda n, word, tag: (n, word, tag)),
    "sentence numbers, no blank lines": "sentence_id\tword\ttag\n"
    + "".join(f"{n}\t{word}\t{tag}\n" for n, s in enumerate(SENTENCES) for word, tag in s),
    "no header, sentence numbers": "".join(f"s{n}\t{w}\t{tag}\n" for n, s in enumerate(SENTENCES) for w, tag in s),
    "numbers, no blank lines": text(lambda n, word, tag: (n, word, tag), between=""),
    "comments": "# a tool made this\n" + text(plain, between="\n# sent_id = 4\n"),
    "comments as wide": text(with_pos, " ", between="\n# sent_id = 7\n"),
    "comments as wide with tabs": text(plain, between="\n# sent_id\t= 7\n"),
    "begin document": "#begin document (x)\n" + text(lambda n, w, t: (n, w, t), " ") + "#end document\n",
    "text comments": text(plain, between="\n# text = Ada saw it , too\n"),
    "newdoc": "# newdoc id\n# newpar\n" + text(lambda n, word, tag: (n, word, tag), " "),
    "key without spaces": "#Text=Ada saw\n" + text(plain),
    "range of words": text(lambda n, word, tag: (n, word, tag)).replace("3\tsaw", "3-4\tsawParis\t_\n3\tsaw"),
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(COLUMNS)), ids=COLUMNS)
def test_words_tags_and_sentences_are_found_whatever_stands_beside_them(wild, number):
    ending = (".conll", ".tsv", ".txt", ".iob2")[number % 4]
    reading = wild("tag", f"a{ending}", [*COLUMNS.values()][number])
    assert not reading.error
    assert pairs(reading) == SENTENCES


def csv_of(rows, delimiter=","):
    return "".join(delimiter.join(f'"{v}"' if delimiter in v or '"' in v else v for v in row) + "\n" for row in rows)


FLAT = [(str(n), word, tag) for n, s in enumerate(SENTENCES) for word, tag in s]
STRINGS = [(" ".join(w for w, _ in s), " ".join(t for _, t in s)) for s in SENTENCES]
LISTS = [([w for w, _ in s], [t for _, t in s]) for s in SENTENCES]
TABLES = {
    "a word a row": csv_of([("sentence_id", "word", "tag"), *FLAT]),
    "semicolons": csv_of([("sentence_id", "word", "tag"), *FLAT], ";"),
    "sep": "sep=;\n" + csv_of([("sentence_id", "word", "tag"), *FLAT], ";"),
    "first row of a sentence names it": "Sentence #,Word,POS,Tag\n"
    + "".join(
        f"{f'Sentence: {k}' if not n else ''},{word},{POS[word]},{tag}\n"
        for k, s in enumerate(SENTENCES)
        for n, (word, tag) in enumerate(s)
    ),
    "blank lines": "word,tag\n" + text(plain, ","),
    "empty rows": "word,tag\n" + text(plain, ",", between=",\n"),
    "no header": text(plain, ","),
    "index": csv_of([("", "sentence_id", "word", "tag"), *((str(n), *row) for n, row in enumerate(FLAT))]),
    "lists of Python": csv_of([("tokens", "ner_tags"), *((str(w), str(t)) for w, t in LISTS)]),
    "lists of JSON": "tokens,ner_tags\n"
    + "".join(",".join('"' + json.dumps(v).replace('"', '""') + '"' for v in row) + "\n" for row in LISTS),
    "arrays of NumPy": "tokens,tags\n"
    + "".join(",".join('"' + str(v).replace(",", "") + '"' for v in row) + "\n" for row in LISTS),
    "texts": csv_of([("text", "labels"), *STRINGS]),
    "number and texts": csv_of([("id", "sentence", "tags"), *((str(n), *row) for n, row in enumerate(STRINGS))]),
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_hold_a_word_a_row_or_lists(wild, content):
    reading = wild("tag", "a.csv", content)
    assert not reading.error
    assert pairs(reading) == SENTENCES


def spaced(s):
    """The text of a sentence, and where each span of it is."""
    words, found, position = [w for w, _ in s], [], 0
    for word, tag in s:
        if tag[0] == "I":
            found[-1][1] = position + len(word)
        elif tag != "O":
            found.append([position, position + len(word), tag[2:]])
        position += len(word) + 1
    return " ".join(words), found


# The tokenizer would cut "#rain" in two.
TEXTS = [spaced(s) for s in SENTENCES if s[0][0] != "#"]
SPANNED = [s for s in SENTENCES if s[0][0] != "#"]


def objects(start, end, label, **more):
    return lambda spans: [{start: a, end: b, label: kind, **more} for a, b, kind in spans]


OFFSETS = {
    "lists": lambda t, spans: {"text": t, "spans": spans},
    "label": lambda t, spans: {"id": 3, "text": t, "label": spans},
    "labels": lambda t, spans: {"text": t, "labels": spans, "meta": {}},
    "entities": lambda t, spans: {"text": t, "entities": objects("start", "end", "label")(spans)},
    "start_offset": lambda t, spans: {
        "text": t,
        "entities": objects("start_offset", "end_offset", "label", id=1)(spans),
    },
    "begin and type": lambda t, spans: {"sentence": t, "spans": objects("begin", "end", "type")(spans)},
    "entity": lambda t, spans: {"text": t, "entities": objects("start", "end", "entity")(spans), "intent": "x"},
    "offset and length": lambda t, spans: {
        "text": t,
        "entities": [{"offset": a, "length": b - a, "category": kind} for a, b, kind in spans],
    },
    "quoted": lambda t, spans: {
        "text": t,
        "entities": [{"start": a, "end": b, "label": kind, "text": t[a:b]} for a, b, kind in spans],
    },
    "end included": lambda t, spans: {
        "content": t,
        "annotation": [
            {"label": [kind], "points": [{"start": a, "end": b - 1, "text": t[a:b]}]} for a, b, kind in spans
        ],
    },
    "labels in a list": lambda t, spans: {
        "text": t,
        "label": [{"start": a, "end": b, "text": t[a:b], "labels": [kind]} for a, b, kind in spans],
    },
    "words with offsets": lambda t, spans: {
        "text": t,
        "tokens": [
            {"text": w, "start": t.index(w), "end": t.index(w) + len(w), "id": n} for n, w in enumerate(t.split())
        ],
        "spans": objects("start", "end", "label", token_start=0)(spans),
    },
    "in any order": lambda t, spans: {"text": t, "spans": spans[::-1]},
    "with spaces": lambda t, spans: {"text": t, "spans": [[a, min(b + 1, len(t)), kind] for a, b, kind in spans]},
}


@pytest.mark.parametrize("form", OFFSETS.values(), ids=OFFSETS)
def test_spans_of_a_text_become_tags_of_its_words(wild, form):
    rows = [form(t, spans) for t, spans in TEXTS]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    array = json.dumps(rows, indent=2)
    for name, content in (("a.jsonl", lines), ("b.json", f'{{"data": {array}}}')):
        reading = wild("tag", name, content)
        assert not reading.error
        assert pairs(reading) == SPANNED


def test_a_text_and_its_spans_as_a_pair(wild):
    rows = [[t, {"entities": spans}] for t, spans in TEXTS]
    assert pairs(wild("tag", "a.json", json.dumps(rows))) == SPANNED
    assert pairs(wild("tag", "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))) == SPANNED


def test_spans_that_fit_no_words_are_told(wild):
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


NAMES = ["O", "B-PER", "I-PER", "B-LOC", "B-ORG"]
NUMBERED = [{"tokens": [w for w, _ in s], "ner_tags": [NAMES.index(t) for _, t in s]} for s in SENTENCES]
NUMBERED_LINES = "".join(json.dumps(row) + "\n" for row in NUMBERED)
LISTED = {
    "tokens and tags": [{"tokens": w, "tags": t} for w, t in LISTS],
    "words and labels": [{"words": w, "labels": t} for w, t in LISTS],
    "shared data sets": [
        {"id": "0", "tokens": w, "pos_tags": [POS[x] for x in w], "ner_tags": t} for w, t in LISTS
    ],
    "objects": [{"tokens": [{"text": a, "ner": b} for a, b in s]} for s in SENTENCES],
    "objects with forms": [{"words": [{"form": a, "tag": b, "n": 1} for a, b in s]} for s in SENTENCES],
    "texts": [{"text": w, "labels": t} for w, t in STRINGS],
    "spans of words": [
        {"tokens": w, "entities": [{"type": t[n][2:], "start": n, "end": n + (2 if t[n:][1:2] == ["I-PER"] else 1)}
                                   for n in range(len(t)) if t[n][0] == "B"]}
        for w, t in LISTS
    ],
    "numbers with names": [{"tag_names": NAMES}, *NUMBERED],
    "numbers with names beside": [{**row, "tag_names": NAMES} for row in NUMBERED],
}  # fmt: skip


@pytest.mark.parametrize("rows", LISTED.values(), ids=LISTED)
def test_lists_of_words_and_tags_are_found_under_the_usual_keys(wild, rows):
    reading = wild("tag", "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert not reading.error
    assert pairs(reading) == SENTENCES


def test_names_of_numbers_stand_beside_the_array(wild):
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


def test_numbers_without_names_are_told(wild):
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


CONLLU = "".join(
    f"# text = {n}\n"
    + "".join(
        f"{k}\t{w}\t_\t{POS[w]}\t_\t_\t{k - 1}\tdep\t_\t{'_' if t == 'O' else f'NER={t}|SpaceAfter=No'}\n"
        for k, (w, t) in enumerate(s, 1)
    )
    + "\n"
    for n, s in enumerate(SENTENCES)
)


@pytest.mark.parametrize("column", ["NER", "misc:NER", "MISC.NER"])
def test_tags_may_stand_among_the_features_of_a_treebank(wild, column):
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
        ("word\ttag\n", "a.conll:1: the file has a header but no words"),
        ("Ada\nLovelace\n\nsaw\n", "a.conll:1: one column only; a line is a word and its tag"),
        (
            "".join(f"w{n} O\n" for n in range(300)),
            "a.conll:1: no blank line ends a sentence, so that all 300 words are one",
        ),
        ("\n".join(f"{n}\tword{n % 7}" for n in range(1, 30)), "a.conll:1: one column of words and none of tags"),
        ("", "a.conll: there is no sentence with words"),
    ],
)
def test_lines_that_do_not_fit_are_named(wild, content, message):
    assert wild("tag", "a.conll", content).error.startswith(message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "Ada saw", "spans": [[0, 3]]}, "a.jsonl:3: '[0, 3]' is no span; write"),
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


def test_columns_taken_are_told(wild):
    notes = wild("tag", "a.conll", COLUMNS["inner spans"]).notes
    assert any("words are column 2 of 4, tags column 3; choose others with --word-column" in n for n in notes)
    notes = wild("tag", "a.csv", TABLES["first row of a sentence names it"]).notes
    assert any(
        "words are column 2 (Word) of 4, tags column 4 (Tag), sentences are told by column 1 (Sentence #)" in n
        for n in notes
    )
    assert not [n for n in wild("tag", "a.conll", COLUMNS["two"]).notes if "column" in n]


def test_columns_can_be_asked_for_by_name_and_number(wild):
    content = COLUMNS["header of four"]
    for column in ("POS", "2", "-3"):
        reading = wild("tag", "a.conll", content, tag_column=column)
        assert [s.tags for s in reading.examples] == [tuple(POS[w] for w, _ in s) for s in SENTENCES]
    rows = csv_of([("paragraph", "word", "tag"), *FLAT])
    assert pairs(wild("tag", "a.csv", rows, sentence_column="paragraph")) == SENTENCES
