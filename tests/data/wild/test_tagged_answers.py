"""Files of words come back in their own format with the answers in them; the answers here are the true tags."""

import io
import json
import random

import pytest

from seqkit.data.tagged import TaggedSource, holds_words, read_passages, read_tagged
from seqkit.runs import load
from tests.data.wild.tagged_forms import COLUMNS, CONLLU, LISTED, OFFSETS, SENTENCES, SPANNED, TABLES, TEXTS

TAGS = {word: tag for sentence in SENTENCES for word, tag in sentence}


@pytest.fixture
def answered(tmp_path):
    """What a file becomes if each word is answered with its true tag; checks that its words are found."""

    def answer(name, content):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        source = TaggedSource(path, tagged=False)
        assert holds_words(source)
        passages = list(read_passages(source))
        out = tmp_path / f"out.{name}"
        out.write_text("".join(p.answered([TAGS[word] for word in p.words]) for p in passages))
        return out

    return answer


def read(path, column):
    return [list(zip(s.words, s.tags, strict=True)) for s in read_tagged(path, None, column)]


@pytest.mark.parametrize("number", range(len(COLUMNS)), ids=COLUMNS)
def test_lines_get_one_more_column(answered, number):
    content = [*COLUMNS.values()][number]
    out = answered(f"a{('.conll', '.tsv', '.txt')[number % 3]}", content)
    assert read(out, "-1") == SENTENCES
    before = content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    after = out.read_text().split("\n")
    assert all(new.split()[: len(old.split())] == old.split() for old, new in zip(before, after, strict=False))


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_get_one_more_column(answered, content):
    out = answered("a.csv", content)
    named = [name for name in ("predicted_tags", "predicted_tag") if name in out.read_text()]
    assert read(out, named[0] if named else "-1") == SENTENCES


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("form", [name for name in LISTED if name != "texts"])
def test_objects_get_one_more_key(answered, name, form):
    rows = LISTED[form]
    lines = "".join(json.dumps(row) + "\n" for row in rows) if name == "a.jsonl" else json.dumps(rows)
    out = answered(name, lines)
    text = out.read_text()
    found = json.loads(text) if name == "a.json" else [json.loads(line) for line in text.splitlines()]
    assert [{key: value for key, value in row.items() if not key.startswith("predicted_")} for row in found] == [
        row for row in rows if [*row] != ["tag_names"]
    ]
    key = next(key for key in found[0] if key.startswith("predicted_"))
    assert read(out, key) == SENTENCES


@pytest.mark.parametrize("form", OFFSETS)
def test_texts_get_the_spans_of_the_answers(answered, form):
    rows = [OFFSETS[form](text, spans) for text, spans in TEXTS]
    out = answered("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    key = next(key for key in json.loads(out.read_text().splitlines()[0]) if key.startswith("predicted_"))
    assert read(out, key) == SPANNED


def test_a_treebank_keeps_all_but_the_column_of_tags(answered):
    extra = CONLLU.replace("2\tLovelace", "2-3\tLovelacesaw\t_\t_\t_\t_\t_\t_\t_\t_\n2\tLovelace")
    extra = extra.replace("3\tsaw", "2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n3\tsaw")
    out = answered("a.conllu", extra)
    assert read(out, "upos") == SENTENCES
    changed = [(a, b) for a, b in zip(extra.split("\n"), out.read_text().split("\n"), strict=True) if a != b]
    assert len(changed) == sum(map(len, SENTENCES))
    assert all(a.split("\t")[4:] == b.split("\t")[4:] for a, b in changed)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.conll", "Ada\nsaw\n\nBob\nleft\n", ["Ada saw", "Bob left"]),
        ("a.conll", "1\tAda\n2\tsaw\n\n1\tBob\n", ["Ada saw", "Bob"]),
        ("a.txt", "Ada\nsaw\n\nBob\nleft\n", ["Ada saw", "Bob left"]),
        ("a.txt", "Ada B-PER\nsaw O\n\nBob B-PER\n", ["Ada saw", "Bob"]),
        ("a.txt", "a N\nb V\n\nc N\n" * 7, ["a b", *["c a b"] * 6, "c"]),
        ("a.csv", "sentence_id,word\n1,Ada\n1,saw\n2,Bob\n", ["Ada saw", "Bob"]),
        ("a.csv", "word\nAda\nsaw\n\nBob\n", ["Ada saw", "Bob"]),
        ("a.csv", "id,tokens\n1,\"['Ada', 'saw']\"\n", ["Ada saw"]),
        ("a.tsv", "token\tpos\nAda\tN\nsaw\tV\n\nBob\tN\n", ["Ada saw", "Bob"]),
        ("a.jsonl", '{"tokens": ["Ada", "saw"]}\n{"tokens": ["Bob"]}\n', ["Ada saw", "Bob"]),
        ("a.json", '[{"tokens": ["Ada", "saw"]}, {"tokens": ["Bob"]}]', ["Ada saw", "Bob"]),
        ("a.jsonl", '{"text": "Ada saw", "spans": []}\n', ["Ada saw"]),
        ("a.conllu", "1\tAda" + "\t_" * 8 + "\n2\tsaw" + "\t_" * 8 + "\n", ["Ada saw"]),
    ],
)
def test_words_without_tags_are_read(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content)
    source = TaggedSource(path, tagged=False)
    assert holds_words(source)
    assert [" ".join(p.words) for p in read_passages(source) if p.words] == words


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "Ada saw Bob.\nHe left.\n\nIt rained\n"),
        ("a.txt", "Ada saw\nHe left\nIt rained\n"),
        ("a.txt", "Ada\nBob\nEve\n"),
        ("a.txt", "Ada saw\tBob came\nI am\tYou are\n"),
        ("a.csv", "text,label\nAda saw,x\nBob left,y\n"),
        ("a.tsv", "id\ttext\n1\tAda saw\n2\tBob\n"),
        ("a.jsonl", '{"text": "Ada saw", "label": "x"}\n'),
        ("a.json", '[{"text": "Ada saw"}]'),
        ("a.txt", ""),
    ],
)
def test_texts_are_not_words(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    assert not holds_words(TaggedSource(path, tagged=False))


@pytest.fixture(scope="module")
def names(tmp_path_factory, command):
    """A run that knows names, trained on numbered words with two layers of tags."""
    folder, generator = tmp_path_factory.mktemp("names"), random.Random(0)
    known = {"Ada": "B-PER", "Bob": "B-PER", "Oslo": "B-LOC", "Rome": "B-LOC", "saw": "O", "left": "O", ".": "O"}
    lines = []
    for _ in range(60):
        words = [generator.choice([*known]) for _ in range(generator.randint(2, 6))]
        lines += [f"{n}\t{word}\t{known[word]}\tO\n" for n, word in enumerate(words, 1)]
        lines.append("\n")
    (folder / "names.conll").write_text("".join(lines))
    options = ["--cell", "rnn", "--hidden-size", "8", "--embedding-size", "16", "--characters", "none", "--epochs", "8"]
    options += ["--test-fraction", "0.2", "--valid-fraction", "0.2", "--dropout", "0", "--embedding-dropout", "0"]
    options += ["--learning-rate", "0.05", "--forgetting", "0", "--minutes", "0"]
    done = command("run", "tag", "--data", folder / "names.conll", *options, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    assert "words are column 2 of 4, tags column 3" in " ".join(done.stderr.split())
    return folder / "run"


def test_predict_answers_a_file_in_its_format(names, command, tmp_path):
    path = tmp_path / "new.conll"
    path.write_text("# new\n1\tAda\t_\n2\tleft\t_\n3\tRome\t_\n\n1\tsaw\t_\n2\tBob\t_\n")
    done = command("predict", names, "--input", path)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout == "# new\n1\tAda\t_\tB-PER\n2\tleft\t_\tO\n3\tRome\t_\tB-LOC\n\n1\tsaw\t_\tO\n2\tBob\t_\tB-PER\n"
    )
    assert "words are column 2 of 3" in done.stderr
    lines = [json.loads(line) for line in command("predict", names, "--input", path, "--json").stdout.splitlines()]
    assert [line["tags"] for line in lines] == [["B-PER", "O", "B-LOC"], ["O", "B-PER"]]
    (tmp_path / "new.jsonl").write_text('{"id": 7, "text": "Ada left Rome.", "entities": []}\n')
    done = command("predict", names, "--input", tmp_path / "new.jsonl", "--output", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.jsonl").read_text())["predicted_entities"]
    assert found == [{"start": 0, "end": 3, "label": "PER"}, {"start": 9, "end": 13, "label": "LOC"}]


def test_what_comes_before_an_error_is_answered(names, command, tmp_path):
    path = tmp_path / "new.conll"
    path.write_text("Ada\t_\nleft\t_\n\nRome\n")
    done = command("predict", names, "--input", path)
    assert done.returncode == 1
    assert done.stdout == "Ada\t_\tB-PER\nleft\t_\tO\n\n"
    assert "new.conll:4: 1 column, but line 1 has 2; correct the line" in done.stderr


def test_evaluate_takes_the_column_with_the_tags_of_training(names, command, tmp_path):
    path = tmp_path / "few.conll"
    # Without names, the column of chunks looks more like one of tags.
    path.write_text("saw V B-VP O\n. . O O\n\nleft V B-VP O\n. . O O\n")
    done = command("evaluate", names, "--data", path, "--json")
    assert json.loads(done.stdout)["accuracy"] == 1


@pytest.fixture
def piped(names, command, monkeypatch):
    """What `predict` makes of bytes on standard input."""

    def run(content, *options):
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content.encode())))
        monkeypatch.setattr("sys.stdin", stream)
        return command("predict", names, "--input", "-", *options)

    return run


@pytest.mark.parametrize(
    ("form", "content", "answered"),
    [
        ("conll", "1\tAda\t_\n2\tleft\t_\n", "1\tAda\t_\tB-PER\n2\tleft\t_\tO\n"),
        ("tsv", "word\ttag\nAda\tO\nleft\tO\n", "word\ttag\tpredicted_tag\nAda\tO\tB-PER\nleft\tO\tO\n"),
        ("csv", "word,tag\nAda,O\nleft,O\n", "word,tag,predicted_tag\nAda,O,B-PER\nleft,O,O\n"),
        (
            "jsonl",
            '{"tokens": ["Ada", "left"]}\n',
            '{"tokens": ["Ada", "left"], "predicted_tags": ["B-PER", "O"]}\n',
        ),
    ],
)
def test_words_on_standard_input_come_back_as_they_came(piped, form, content, answered):
    done = piped(content, "--format", form)
    assert done.returncode == 0, done.stderr
    assert done.stdout == answered


def test_texts_on_standard_input_stay_texts(piped):
    done = piped("text\nAda left\n", "--format", "csv", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["predicted_tags"] == ["B-PER", "O"]


def test_errors_on_standard_input_name_it_and_no_copy(piped):
    done = piped("Ada\t_\nleft\t_\n\nRome\n", "--format", "conll")
    assert done.returncode == 1
    assert "standard input.conll:4: 1 column, but line 1 has 2; correct the line" in " ".join(done.stderr.split())
    assert "/tmp" not in done.stderr


def test_nothing_in_nothing_out_in_python_and_the_place_is_kept(names):
    model = load(names)
    blank, sentence, empty = model.predict([" \u200b", ["Ada", "left"], []])
    assert blank is None and empty is None and sentence.tags == ("B-PER", "O")
