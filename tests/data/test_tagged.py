"""Tagged sentences from every kind of file, what is wrong with them, and how they are divided."""

import importlib.util
import json
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import DataError, SourceLocation
from seqkit.data.sources.turkish_treebank import TURKISH, turkish_treebank
from seqkit.data.tagged import Sentence, read_tagged, split_sentences
from seqkit.errors import UsageError

# Sentences of the guidelines: a range of words, an empty node, and a word with a space in it.
CONLLU = """\
# sent_id = 1
# text = vámonos al 10 000
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV\tMood=Imp\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\tCase=Acc\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
3\ta\ta\tADP\tP\t_\t4\tcase\t_\t_
4\tel\tel\tDET\tD\t_\t5\tdet\t_\t_
4.1\tcoger\tcoger\tVERB\tV\t_\t_\t_\t_\t_
5\t10 000\t10000\tNUM\tN\t_\t1\tobl\t_\t_

# text = #_
1\t#\t#\tSYM\tS\t_\t0\troot\t_\t_
2\t_\t_\tX\tX\t_\t1\tdep\t_\t_
"""
CONLL = """\
-DOCSTART- -X- -X- O

U.N. NNP B-NP B-ORG
Ekeus  NNP I-NP\tB-PER


# NN B-NP O
-DOCSTART- -X- -X- O
10000 CD O O
"""


def written(folder, name, text):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(folder, name, text, *columns, notes=None):
    return [(" ".join(s.words), " ".join(s.tags)) for s in read_tagged(written(folder, name, text), *columns, notes)]


def row(number, form, upos="X"):
    return f"{number}\t{form}\t_\t{upos}\t_\t_\t_\t_\t_\t_\n"


def test_ranges_of_words_empty_nodes_and_comments_of_conllu_are_not_read(tmp_path):
    first, second = read_tagged(written(tmp_path, "a.conllu", CONLLU))
    assert first.words == ("vamos", "nos", "a", "el", "10 000")
    assert first.tags == ("VERB", "PRON", "ADP", "DET", "NUM")
    assert (second.words, second.tags) == (("#", "_"), ("SYM", "X"))
    assert [s.location.line for s in (first, second)] == [3, 13]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((None, "deprel"), ("vamos nos a el 10 000", "root obj case det obl")),
        ((None, "FEATS"), ("vamos nos a el 10 000", "Mood=Imp Case=Acc _ _ _")),
        (("lemma", "UPOS"), ("ir nosotros a el 10000", "VERB PRON ADP DET NUM")),
        ((None, "lemma"), ("vamos nos a el 10 000", "ir nosotros a el 10000")),
    ],
)
def test_any_column_of_conllu_can_be_requested(columns, expected, tmp_path):
    assert read(tmp_path, "a.conllu", CONLLU, *columns)[0] == expected


@pytest.mark.parametrize("name", ["a.conll", "b.bio", "c.TXT", "d.iob2"])
def test_columns_are_counted_from_either_end(name, tmp_path):
    assert read(tmp_path, name, CONLL) == [("U.N. Ekeus", "B-ORG B-PER"), ("#", "O"), ("10000", "O")]
    assert read(tmp_path, name, CONLL, "2", "-2")[0] == ("NNP NNP", "B-NP I-NP")
    assert read(tmp_path, name, CONLL, "4", "1")[0] == ("B-ORG B-PER", "U.N. Ekeus")
    assert [s.location.line for s in read_tagged(tmp_path / name)] == [3, 7, 9]


def test_with_tabs_a_word_may_hold_spaces_and_a_comment_sign_is_a_word(tmp_path):
    assert read(tmp_path, "a.tsv", "New York\tB\n#\tO\n\nin\tO") == [("New York #", "B O"), ("in", "O")]
    assert read(tmp_path, "a.conll", "10\u00a0000 NUM\n") == [("10\u00a0000", "NUM")]


def test_json_has_lists_under_keys_that_can_be_named(tmp_path):
    lines = [
        {"tokens": ["New York", "!"], "tags": ["B", "O"], "w": ["x"], "t": ["y"]},
        {"tokens": ["a"], "tags": ["O"]},
    ]
    text = "\n\n".join(json.dumps(line) for line in lines)
    assert read(tmp_path, "a.jsonl", text) == [("New York !", "B O"), ("a", "O")]
    assert read(tmp_path, "b.ndjson", text.splitlines()[0], "w", "t") == [("x", "y")]


@pytest.mark.parametrize("name", ["a.conllu", "a.conll", "a.jsonl"])
def test_line_ends_and_a_byte_order_mark_change_nothing(name, tmp_path):
    text = {
        "a.conllu": CONLLU,
        "a.conll": CONLL,
        "a.jsonl": '{"tokens": ["a"], "tags": ["O"]}\n',
    }[name]
    plain = read(tmp_path, name, text)
    assert plain
    assert read(tmp_path, name, "\ufeff" + text.replace("\n", "\r\n").rstrip()) == plain


def test_sentences_without_words_are_skipped_and_noted(tmp_path):
    notes = []
    text = f"# text =\n\n{row(1, 'a')}\n\n# text =\n"
    assert read(tmp_path, "a.conllu", text, None, None, notes=notes) == [("a", "X")]
    assert notes == [f"2 sentences without words were left out, the first at {tmp_path / 'a.conllu'}:1"]
    notes = []
    lines = '{"tokens": ["a"], "tags": ["O"]}\n{"tokens": [], "tags": []}\n'
    assert read(tmp_path, "a.jsonl", lines, None, None, notes=notes) == [("a", "O")]
    assert notes == [f"1 sentence without words was left out, the first at {tmp_path / 'a.jsonl'}:2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.conll", "a O\nb N O\n", "a.conll:2: 3 columns, but line 1 has 2; correct the line"),
        ("a.conll", "\na B O\n\nb\n", "a.conll:4: 1 column, but line 2 has 3; correct the line"),
        ("a.conll", CONLL.replace("CD O", "CD"), "a.conll:9: 3 columns, but line 3 has 4; correct the line"),
        ("a.conll", "a\nb\n", "a.conll:1: one column only"),
        ("a.csv", "a O\nb O\n", "a.csv:1: one column only; a line is a word and its tag, with ',' between"),
        ("a.tsv", "a\tO\nb O\n", "a.tsv:2: 1 column, but line 1 has 2"),
        ("a.tsv", "a\tO\nb\t\n", "a.tsv:2: word 'b' with tag '': neither may be empty"),
        ("a.tsv", "a\tO\n \tO\n", "a.tsv:2: word '' with tag 'O'"),
        ("a.conllu", "a O\n", "a.conllu:1: 1 column, but CoNLL-U has 10 with a tab between"),
        ("a.conllu", row(1, "a") + row(3, "b"), "a.conllu:2: the word's number is '3', but 2 is next"),
        ("a.conllu", row(1, "a") + row(1, "b"), "a.conllu:2: the word's number is '1', but 2 is next"),
        ("a.conllu", row("x", "a"), "a.conllu:1: the word's number is 'x', but 1 is next"),
        ("a.conllu", row(1, "a") + row(2, "b", "_"), "a.conllu:2: word 'b' has no upos, only '_'"),
        ("a.conllu", row(1, ""), "a.conllu:1: word '' with tag 'X'"),
        ("a.conllu", "# text =\n", "a.conllu:1: there is no sentence with words"),
        ("a.conll", "", "a.conll:1: there is no sentence with words"),
        ("a.jsonl", '\n{"tokens": ["a", "b"], "tags": ["O"]}', "a.jsonl:2: 2 tokens but 1 tags"),
        ("a.jsonl", '{"tokens": "a b", "tags": ["O", "O"]}', "a.jsonl:1: 'tokens' is not a list of texts"),
        ("a.jsonl", '{"tokens": ["a"], "tags": [1.5]}', "a.jsonl:1: 'tags' is not a list of texts"),
        ("a.jsonl", '{"tokens": ["a"], "marks": ["O"]}', "a.jsonl:1: no key 'tags', only 'tokens', 'marks'"),
        ("a.jsonl", '{"tokens": ["a", " "], "tags": ["O", "O"]}', "a.jsonl:1: word '' with tag 'O'"),
        ("a.jsonl", '{"tokens": ["\\ud800"], "tags": ["O"]}', "a.jsonl:1: half of a surrogate pair"),
        (
            "a.jsonl",
            "[1]",
            'a.jsonl:1: the line is not a JSON object; write one object per line: {"tokens": ["…", "…"]',
        ),
        ("a.jsonl", "{", "a.jsonl:1: the line is not JSON"),
        ("a.conll", b"a O\n\xff O\n", "a.conll:2: byte 0xff at column 1 is not UTF-8"),
    ],
)
def test_what_is_wrong_in_a_file_is_reported_with_its_line(name, text, message, tmp_path):
    with pytest.raises(DataError) as error:
        read_tagged(written(tmp_path, name, text))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        (
            "a.conll",
            ("3", None),
            "a.conll:1: no column '3', there are 2; give its number, from 1",
        ),
        (
            "a.conll",
            (None, "-3"),
            "or -1 for the last, with --tag-column",
        ),
        ("a.conll", (None, "0"), "no column '0'"),
        ("a.conll", (None, "upos"), "no column 'upos'"),
        ("a.conll", ("2", "-1"), "column 2 cannot be both; name others with --word-column and --tag-column"),
        ("a.conllu", (None, "4"), "CoNLL-U has no column '4'; choose one of id, form, lemma, upos"),
        ("a.conllu", ("token", None), "with --word-column"),
        ("a.xml", (None, None), "cannot tell the format of"),
    ],
)
def test_a_column_that_does_not_exist_is_reported_with_its_option(name, columns, message, tmp_path):
    with pytest.raises(UsageError) as error:
        read_tagged(written(tmp_path, name, "a O\n"), *columns)
    assert message in str(error.value)


tokens = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6)
pairs = st.tuples(tokens.filter(lambda word: word[0] != "\ufeff"), tokens.filter(lambda tag: tag != "_"))
sentences = st.lists(st.lists(pairs, min_size=1, max_size=5), min_size=1, max_size=5)


@settings(max_examples=50)
@given(sentences)
def test_what_is_written_is_read_back_from_every_format(tmp_path_factory, pairs_of_sentences):
    folder = tmp_path_factory.mktemp("written")
    expected = [tuple(zip(*sentence, strict=True)) for sentence in pairs_of_sentences]
    lines = [json.dumps({"tokens": words, "tags": tags}) for words, tags in expected]
    blocks = {
        "a.jsonl": "\n".join(lines),
        "a.conll": "\n\n".join("\n".join(f"{word} {tag}" for word, tag in sentence) for sentence in pairs_of_sentences),
        "a.conllu": "\n".join("".join(row(n, *pair) for n, pair in enumerate(s, 1)) for s in pairs_of_sentences),
    }
    for name, text in blocks.items():
        again = read_tagged(written(folder, name, text))
        assert [(s.words, s.tags) for s in again] == expected


def numbered(*texts):
    return [
        Sentence(tuple(text.split()), tuple(text.split()), SourceLocation("f", n)) for n, text in enumerate(texts, 1)
    ]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=8), st.integers(0, 99))
def test_splits_share_no_sentence_and_lose_none(texts, seed):
    tagged = numbered(*texts, "x", "y", "z")
    splits = split_sentences(tagged, 0.1, 0.2, seed)
    three = [splits.train, splits.valid, splits.test]
    assert Counter(s for split in three for s in split) == Counter(tagged)
    assert all(three)
    known = [{s.words for s in split} for split in three]
    assert sum(map(len, known)) == len(set.union(*known))
    assert split_sentences(tagged, 0.1, 0.2, seed) == splits


def test_splits_have_their_size():
    tagged = numbered(*map(str, range(1000)))
    for fractions in ((0.1, 0.2), (0.3, 0.0), (0.0, 0.05)):
        splits = split_sentences(tagged, *fractions, 3)
        assert (len(splits.valid) / 1000, len(splits.test) / 1000) == fractions
    assert split_sentences(tagged, 0.1, 0.1, 0).test != split_sentences(tagged, 0.1, 0.1, 1).test


def test_a_sentence_that_is_there_a_thousand_times_leaves_no_split_empty():
    for seed in range(6):
        splits = split_sentences(numbered(*["a"] * 1000, "b", "c"), 0.1, 0.1, seed)
        assert splits.train and splits.valid and splits.test


def test_too_few_sentences_to_divide():
    with pytest.raises(DataError, match="2 different sentences cannot be divided into training, validation and test"):
        split_sentences(numbered("a", "b", "a"), 0.1, 0.1, 0)
    assert len(split_sentences(numbered("a", "b"), 0.0, 0.1, 0).test) == 1
    with pytest.raises(DataError, match="1 different sentence cannot be divided into training and test"):
        split_sentences(numbered("a", "a"), 0.0, 0.1, 0)
    with pytest.raises(UsageError, match="leave nothing to train on"):
        split_sentences(numbered("a", "b", "c"), 0.5, 0.5, 0)


@pytest.mark.skipif(importlib.util.find_spec("turkish_treebanks") is None, reason="seqkit[data] is not installed")
def test_the_turkish_treebank_is_all_there():
    sentences = turkish_treebank()
    assert len(sentences) == 2_541 + 2_310
    assert sum(len(s.words) for s in sentences) == 32_422 + 48_948
    assert len({s.words for s in sentences}) == len(sentences)
    tags = Counter(tag for s in sentences for tag in s.tags)
    assert (len(tags), tags["NOUN"], tags["AFFIX"]) == (14, 12_135 + 21_682, 3)
    assert [sentences[n].location.file for n in (0, -1)] == [str(file.locate()) for file in TURKISH]


@pytest.mark.parametrize(
    ("name", "first", "line", "last"),
    [
        ("a.conll", "Ann B-PER\n", "#\n", "\nsings O\n"),
        ("a.csv", "sentence,word,tag\n", "1,Ann,B-PER\n", "2,sings,O\n"),
    ],
)
def test_a_sentence_of_many_lines_takes_time_in_proportion(name, first, line, last, tmp_path):
    # Each line was compared with all lines of its sentence.
    (path := tmp_path / name).write_text(first + line * 40_000 + last)
    began = time.process_time()
    assert len(read_tagged(path)) == 2
    assert time.process_time() - began < 6
