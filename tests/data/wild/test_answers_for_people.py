"""`predict` and `evaluate` on files as people have them: what training reads comes back in its own form, answered."""

import csv
import gzip
import io
import json

import pytest

from seqkit.commands.answering import PredictRequest, answer
from seqkit.data.readers import PLAIN, FileForm
from seqkit.runs import load

TEXTS = ["a wonderful story", "the dull film", "an awful scene with an actor"]


@pytest.fixture(scope="session")
def model(trained):
    return load(trained[0])


@pytest.fixture
def answered(model, tmp_path):
    """The content of the file that `predict` writes for a file."""

    def run(name, content, output="out", form=PLAIN, column=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        answer(model, PredictRequest((), path, column, tmp_path / output, False, False, form), {})
        return (tmp_path / output).read_bytes()

    return run


@pytest.fixture(scope="session")
def labels(model):
    return [prediction.label for prediction in model.predict(TEXTS)]


TABLE = "id,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(TEXTS))
OBJECTS = [{"id": n, "text": text, "tags": [n]} for n, text in enumerate(TEXTS)]
CSVS = {
    "plain": ("a.csv", TABLE, ",", PLAIN),
    "semicolons": ("a.csv", TABLE.replace(",", ";"), ";", PLAIN),
    "sep": ("a.csv", "sep=;\n" + TABLE.replace(",", ";"), ";", PLAIN),
    "comment": ("a.csv", "# made by a tool, really\n".replace(",", "") + TABLE.replace(",", "|"), "|", PLAIN),
    "tsv": ("a.tsv", TABLE.replace(",", "\t"), "\t", PLAIN),
    "old mac": ("a.csv", TABLE.replace("\n", "\r"), ",", PLAIN),
    "gzip": ("a.csv.gz", gzip.compress(TABLE.encode()), ",", PLAIN),
    "utf-16": ("a.csv", TABLE.encode("utf-16"), ",", PLAIN),
    "utf-16 without a mark": ("a.tsv", TABLE.replace(",", "\t").encode("utf-16-le"), "\t", FileForm("utf-16-le")),
}


@pytest.mark.parametrize(("name", "content", "mark", "form"), CSVS.values(), ids=CSVS)
def test_a_table_comes_back_with_what_separates_its_fields(answered, labels, name, content, mark, form):
    rows = list(csv.DictReader(io.StringIO(answered(name, content, form=form).decode()), delimiter=mark))
    assert [(row["id"], row["text"]) for row in rows] == [(str(n), text) for n, text in enumerate(TEXTS)]
    assert [row["predicted_label"] for row in rows] == labels


def test_columns_without_a_name_come_back(answered, labels):
    content = ",text,,text\n" + "".join(f"{n},{text},x,y\n" for n, text in enumerate(TEXTS))
    with pytest.raises(Exception, match="two columns are called 'text'"):
        answered("a.csv", content)
    rows = list(csv.reader(io.StringIO(answered("a.csv", content.replace(",text\n", ",note\n")).decode())))
    assert rows[0][:4] == ["", "text", "", "note"]
    assert [row[:5] for row in rows[1:]] == [[str(n), t, "x", "y", labels[n]] for n, t in enumerate(TEXTS)]


def test_a_table_without_a_header_gets_none(answered, labels):
    form = FileForm(None, ("id", "text"))
    rows = list(csv.reader(io.StringIO(answered("a.csv", TABLE.partition("\n")[2], form=form).decode())))
    assert [row[:3] for row in rows] == [[str(n), text, labels[n]] for n, text in enumerate(TEXTS)]


JSONS = {
    "array": json.dumps(OBJECTS),
    "array on lines": json.dumps(OBJECTS, indent=2),
    "lines": "\n".join(map(json.dumps, OBJECTS)),
    "in an object": json.dumps({"data": OBJECTS}),
}


@pytest.mark.parametrize("content", JSONS.values(), ids=JSONS)
def test_an_array_comes_back_as_one_with_its_values_as_they_were(answered, labels, content):
    rows = json.loads(answered("a.json", content))
    assert [{key: row[key] for key in ("id", "text", "tags")} for row in rows] == OBJECTS
    assert [row["predicted_label"] for row in rows] == labels


def test_answers_are_compressed_if_their_name_says_so(answered):
    plain = answered("a.csv", TABLE)
    assert gzip.decompress(answered("a.csv", TABLE, "out.csv.gz")) == plain
    with pytest.raises(Exception, match="cannot be written compressed"):
        answered("a.csv", TABLE, "out.zip")


BLANKS = ["", "  ", "\u200b", "\ufeff"]


def test_blank_inputs_keep_their_places_and_have_no_answers(answered, labels):
    texts = [BLANKS[0], TEXTS[0], *BLANKS[1:], TEXTS[1]]
    expected = [None, labels[0], None, None, None, labels[1]]
    rows = json.loads(answered("a.json", json.dumps([{"text": text} for text in texts])))
    assert [row["text"] for row in rows] == texts
    assert [row["predicted_label"] for row in rows] == expected
    assert rows[0]["predicted_probabilities"] == {"bad": None, "good": None}
    content = "text,n\n" + "".join(f'"{text}",{n}\n' for n, text in enumerate(texts))
    rows = list(csv.DictReader(io.StringIO(answered("a.csv", content).decode())))
    assert [(row["n"], row["predicted_label"]) for row in rows] == [(str(n), e or "") for n, e in enumerate(expected)]
    lines = answered("a.txt", "\n".join(texts)).decode().split("\n")
    assert [line.partition("\t")[0] for line in lines] == [*(label or "" for label in expected), ""]


def test_a_file_of_blanks_comes_back(answered):
    assert answered("a.csv", 'text,n\n"",1\n"",2\n').decode() == 'text,n\n"",1\n"",2\n'.replace('""', "")
    assert json.loads(answered("a.json", '[{"text": ""}]')) == [{"text": ""}]
    assert answered("a.txt", "\n\n") == b"\t\n\t\n"


def test_what_was_answered_before_a_fault_is_whole(answered, tmp_path):
    with pytest.raises(Exception, match=r"a\.json:1: '3' in the array is not an object"):
        answered("a.json", json.dumps([*OBJECTS, 3]))
    assert len(json.loads((tmp_path / "out.partial").read_bytes())) == 3


def test_a_file_in_another_encoding_is_named_by_both(trained, command, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\na wonderful café,good\na dull café,bad\n".encode("cp1252"))
    for arguments in (["predict", trained[0], "--input", path], ["evaluate", trained[0], "--data", path]):
        done = command(*arguments)
        assert done.returncode == 1 and "give --encoding cp1252" in done.stderr
        assert command(*arguments, "--encoding", "cp1252").returncode == 0


def test_evaluate_reads_a_file_whose_columns_have_other_names(trained, command, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("words,mood\na wonderful story,good\na dull film,bad\n")
    done = command("evaluate", trained[0], "--data", path)
    assert done.returncode == 2 and "name it with --text-column" in done.stderr
    options = ["--text-column", "words", "--label-column", "mood", "--json"]
    assert json.loads(command("evaluate", trained[0], "--data", path, *options).stdout)["accuracy"] == 1
    path.write_text("a wonderful story,good\na dull film,bad\n")
    options = ["--columns", "text,label", "--json"]
    assert json.loads(command("evaluate", trained[0], "--data", path, *options).stdout)["examples"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "a.csv", "--tag-column", "x"], "a sentiment model has no --tag-column; choose among --text-column"),
        (["--text-column", "x"], "--text-column says how a file is read; give the file with --data"),
        (["--source", "a", "--target", "b"], "a sentiment model reads no parallel files"),
        (["--source", "a"], "give --source and --target"),
    ],
)
def test_options_of_reading_that_a_model_has_not_are_refused(trained, command, options, message):
    done = command("evaluate", trained[0], *options)
    assert done.returncode == 2 and message in done.stderr


def test_nothing_in_nothing_out_in_python_and_every_text_keeps_its_place(model, labels):
    answers = model.predict(["", TEXTS[0], " \t", "\u200b\u2060", TEXTS[1]])
    assert [answer and answer.label for answer in answers] == [None, labels[0], None, None, labels[1]]
    none, some = model.predict_proba(["  ", TEXTS[0]])
    assert none == {} and set(some) == {"good", "bad"}
