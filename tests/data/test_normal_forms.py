"""Normal forms of Unicode: texts that look the same are the same text, in every task."""

import time
from unicodedata import normalize

import pytest
import torch

from seqkit.config import make_config
from seqkit.data import DataError, Example, SourceLocation, read_examples, tokenizer, tokenizer_from_json
from seqkit.data.normal_forms import canonical, normal
from seqkit.data.pairs import Pair, usable
from seqkit.data.readers import choose_column, read_label_sets
from seqkit.data.subwords import WRITABLE, learn_tokenizer, load_tokenizer
from seqkit.data.tagged import Sentence
from seqkit.errors import UsageError
from seqkit.runs import find_task

FRENCH = "L'été à Orléans, où naît le maïs"
KOREAN = "한국어 문장"
FULL = "Ｆｉｌｍ ２０２４！ ﬁn…"


def decomposed(text):
    return normalize("NFD", text)


@pytest.mark.parametrize("text", [FRENCH, KOREAN, "Ệ", "カ\u3099ラス", "q\u0323\u0307"])
def test_letters_and_their_marks_have_one_form(text):
    for form in ("NFC", "NFKC"):
        assert normal(decomposed(text), form) == normal(normalize("NFC", text), form)
    assert normal(decomposed(text), "none") == decomposed(text)


def test_what_only_looks_different_is_one_in_nfkc_alone():
    assert normal(FULL, "NFKC") == "Film 2024! fin..."
    assert canonical(FULL) == FULL


def test_many_marks_on_a_letter_take_no_time():
    text = "a" + "\u0301\u0316" * 50_000
    before = time.perf_counter()
    once = canonical(text)
    # Without a limit it takes half a minute; a text with breaks is in the normal form already.
    assert time.perf_counter() - before < 5
    assert canonical(once) == once


@pytest.mark.parametrize("name", ["word", "char", "byte"])
def test_a_tokenizer_reads_both_forms_alike_and_keeps_its_form_in_json(name):
    tokens = tokenizer(name, normal_form="NFC")
    assert tokens.split(decomposed(FRENCH)) == tokens.split(FRENCH)
    again = tokenizer_from_json(tokens.to_json())
    assert again.split(decomposed(KOREAN)) == tokens.split(KOREAN)
    assert "normal_form" not in tokenizer(name).to_json()
    assert tokenizer(name).split(decomposed(FRENCH)) != tokenizer(name).split(FRENCH)


@pytest.mark.parametrize("name", WRITABLE)
def test_so_does_one_that_writes(name):
    tokens = learn_tokenizer(name, [decomposed(FRENCH), FRENCH], 100, "NFC")
    assert tokens.split(decomposed(FRENCH)) == tokens.split(FRENCH)
    again = load_tokenizer(tokens.to_json())
    assert again.split(decomposed(FRENCH)) == tokens.split(FRENCH)
    assert tokens.surfaces(decomposed(FRENCH)) == tokens.split(FRENCH)


def test_capitals_of_other_forms_are_capitals():
    assert tokenizer("word", normal_form="NFKC").split("ＦＩＬＭ 𝐅𝐈𝐋𝐌 FILM") == ["film"] * 3


def test_an_unknown_form_is_refused_with_those_that_exist():
    with pytest.raises(UsageError, match="unknown normal form 'NFX'; did you mean"):
        tokenizer_from_json({"name": "word", "normal_form": "NFX"})


WORDS = ["été", "naïve", "cœur", "Ōsaka", "đường", "한국어", "garçon", "mañana"]


def table(folder, change):
    rows = [
        (f"{a} {b} {c}", "é" if n % 2 else "o")
        for n, (a, b, c) in enumerate(zip(WORDS * 3, WORDS[3:] * 5, WORDS[5:] * 8, strict=False))
    ]
    path = folder / "a.csv"
    path.write_text(
        "text,label\n" + "".join(f"{change(text)} {n},{change(label)}\n" for n, (text, label) in enumerate(rows))
    )
    return path


def pairs(folder, change):
    path = folder / "a.tsv"
    lines = [f"{a} {b} {n}\t{b} {a} {n}" for n, (a, b) in enumerate(zip(WORDS * 3, WORDS[1:] * 4, strict=False))]
    path.write_text(change("\n".join(lines)))
    return path


def sentences(folder, change):
    path = folder / "a.conll"
    lines = [f"{word} {'A' if n % 2 else 'B'}" + ("\n" if n % 3 == 2 else "") for n, word in enumerate(WORDS * 6)]
    path.write_text(change("\n".join(lines)))
    return path


def words(folder, change):
    path = folder / "a.txt"
    path.write_text(change("".join(f"{word}{n}\tɑ̃ ç {n}\n" for n, word in enumerate(WORDS * 4))))
    return path


def running(folder, change):
    path = folder / "a.txt"
    path.write_text(change((" ".join(WORDS) + "\n") * 60))
    return path


TASKS = {"sentiment": table, "translate": pairs, "g2p": words, "tag": sentences, "charlm": running}


def tensors(value):
    """An item as something that can be compared."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if hasattr(value, "dtype"):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return [tensors(entry) for entry in value]
    return value


def read(name, folder, change, **options):
    folder.mkdir()
    task = find_task(name)
    config = make_config(task.config, {"data": str(TASKS[name](folder, change)), "min_count": 1, **options})
    splits = task.read(config, [])
    return task, config, splits, [*splits.train, *splits.valid, *splits.test]


@pytest.mark.parametrize("name", TASKS)
def test_evaluating_the_same_texts_in_the_other_form_changes_nothing(name, tmp_path):
    task, config, splits, examples = read(name, tmp_path / "composed", normalize_nfc)
    codec = task.load_codec(task.learn_codec(config, splits.train).to_json())
    for example in examples:
        raw = task.input_of(example)
        if isinstance(raw, str):
            assert tensors(codec.encode(decomposed(raw))) == tensors(codec.encode(raw))
    *_, others = read(name, tmp_path / "decomposed", decomposed)
    # A tagger shows the words as they were written; the rest of an item is the same.
    first = 1 if name == "tag" else 0
    kept, found = (
        [str(tensors(codec.encode(task.input_of(e), e))[first:]) for e in some] for some in (examples, others)
    )
    assert sorted(found) == sorted(kept)


def normalize_nfc(text):
    return normalize("NFC", text)


@pytest.mark.parametrize("name", TASKS)
def test_without_a_normal_form_the_forms_are_different_as_they_were(name, tmp_path):
    task, config, splits, _ = read(name, tmp_path / "composed", normalize_nfc, normal_form="none")
    codec = task.learn_codec(config, splits.train)
    assert "normal_form" not in str(codec.to_json())
    text = " ".join(WORDS)
    assert tensors(codec.encode(decomposed(text))) != tensors(codec.encode(text))


def test_full_width_words_are_known_to_those_that_label():
    for name, raw in (("sentiment", "ｆｉｌｍ ２０２４"), ("tag", ["ｆｉｌｍ", "２０２４"])):
        task = find_task(name)
        assert task.config().normal_form == "NFKC"
        plain = [normalize("NFKC", word) for word in raw] if isinstance(raw, list) else normalize("NFKC", raw)
        codec = codec_of(task, plain)
        assert not codec.encoding_report(raw).unknown
    assert {find_task(name).config().normal_form for name in ("translate", "g2p", "charlm", "caption")} == {"NFC"}


def codec_of(task, text):
    """A codec that knows the words of one text."""
    config = make_config(task.config, {"min_count": 1})
    here = SourceLocation("here", 1)
    if isinstance(text, str):
        return task.learn_codec(config, [Example(text, label, here) for label in "ab"])
    return task.learn_codec(config, [Sentence(tuple(text), ("A",) * len(text), here)])


def test_labels_of_files_are_compared_in_one_form(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"text,label\na,é\nb,{decomposed('é')}\n")
    assert {example.label for example in read_examples(path)} == {"é"}
    path.write_text(f"text,labels\na,é|o\nb,{decomposed('é')}|o\n")
    assert {example.labels for example in read_label_sets(path)} == {("o", "é")}


def test_a_column_is_found_in_either_form():
    columns = [decomposed("catégorie"), "text"]
    assert choose_column(columns, "catégorie", "label", SourceLocation("a", 1)) == columns[0]


def test_a_source_in_two_forms_is_one_source_with_its_references():
    here = SourceLocation("a", 1)
    given = [
        Pair("été", ("summer",), here),
        Pair(decomposed("été"), ("Summer",), here),
        Pair("x", ("é",), here),
        Pair("x", (decomposed("é"),), here),
    ]
    assert [(p.source, p.references) for p in usable(given, 6, [])] == [("été", ("summer", "Summer")), ("x", ("é",))]


def test_damaged_forms_are_refused():
    with pytest.raises((DataError, UsageError), match="normal form"):
        load_tokenizer({"name": "joined-words", "normal_form": 3})
