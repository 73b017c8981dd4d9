"""`seqkit predict` on files: tables that come back with predictions, order, memory, and what is broken on the way."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from seqkit.commands.answering import arriving
from seqkit.runs import load
from seqkit.runs.rows import InputRow, read_rows
from tests.starting import Command

TEXTS = ["a wonderful story", "the dull film", "", 'so "brilliant", and\nmoving', "an awful scene with an actor"]


def table(text, delimiter=","):
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


@pytest.fixture(scope="session")
def answers(trained):
    """What the model says of each of the texts alone."""
    model = load(trained[0])
    return [model.predict([text])[0] for text in TEXTS]


@pytest.fixture
def written(tmp_path):
    """The texts as a CSV with other columns."""
    path = tmp_path / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=",")
        rows.writerow(["id", "text", "label"])
        rows.writerows([number, text, "kept"] for number, text in enumerate(TEXTS))
    return path


def test_a_csv_comes_back_with_the_same_rows_in_order_and_columns_of_predictions(trained, command, written, answers):
    done = command("predict", trained[0], "--input", written)
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout)
    assert [(row["id"], row["text"], row["label"]) for row in rows] == [
        (str(n), t, "kept") for n, t in enumerate(TEXTS)
    ]
    # Nothing in, nothing out: a blank text keeps its place.
    assert [row["predicted_label"] for row in rows] == [
        a.label if t else "" for t, a in zip(TEXTS, answers, strict=True)
    ]
    for row, answer in zip(rows, answers, strict=True):
        for label, value in answer.probabilities.items() if row["text"] else ():
            assert float(row[f"predicted_probabilities.{label}"]) == pytest.approx(value, abs=1e-6)


def test_semicolons_and_tabs_come_back_as_they_were(trained, command, tmp_path):
    for name, mark in (("a.csv", ";"), ("a.tsv", "\t")):
        (tmp_path / name).write_text(f"id{mark}review\n7{mark}a wonderful story\n8{mark}a dull story\n")
        rows = table(command("predict", trained[0], "--input", tmp_path / name).stdout, mark)
        assert [(row["id"], row["predicted_label"]) for row in rows] == [("7", "good"), ("8", "bad")]


def test_json_lines_keep_their_values_and_get_more_of_them(trained, command, tmp_path, answers):
    path = tmp_path / "in.jsonl"
    lines = [{"text": text, "tags": ["x", n], "deep": {"n": n}} for n, text in enumerate(TEXTS)]
    path.write_text("\n\n".join(map(json.dumps, lines)))
    found = [json.loads(line) for line in command("predict", trained[0], "--input", path).stdout.splitlines()]
    assert [{name: line[name] for name in ("text", "tags", "deep")} for line in found] == lines
    labels = [a.label if text else None for text, a in zip(TEXTS, answers, strict=True)]
    assert [line["predicted_label"] for line in found] == labels
    assert set(found[0]["predicted_probabilities"]) == {"good", "bad"}


def test_the_column_is_the_runs_own_or_that_of_the_option(trained, command, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("words,more\na wonderful story,a dull story\n")
    done = command("predict", trained[0], "--input", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "in.csv:1: cannot tell which column holds the text (the columns are words, more)" in done.stderr
    assert "--text-column" in done.stderr
    for column, label in (("words", "good"), ("more", "bad")):
        rows = table(command("predict", trained[0], "--input", path, "--text-column", column).stdout)
        assert rows[0]["predicted_label"] == label
    done = command("predict", trained[0], "--input", path, "--text-column", "word")
    assert done.returncode == 2 and "did you mean --text-column 'words'?" in done.stderr
    assert command("predict", trained[0], "x", "--text-column", "words").returncode == 2


def test_an_answer_is_one_line_whatever_lines_its_text_has(trained, command):
    done = command("predict", trained[0], "a dull\nfilm", "a fine\r\nfilm")
    assert [line.split("\t")[-1] for line in done.stdout.splitlines()] == ["a dull film", "a fine film"]


def test_answers_go_to_a_file(trained, command, written, tmp_path):
    done = command("predict", trained[0], "--input", written, "--output", tmp_path / "out.csv")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "out.csv").read_text() == command("predict", trained[0], "--input", written).stdout
    for output, why in ((written, "must be another file"), (tmp_path / "none/out.csv", "cannot write")):
        done = command("predict", trained[0], "--input", written, "--output", output)
        assert done.returncode == 2 and why in done.stderr
    assert table(written.read_text())[0]["text"] == TEXTS[0]


def test_what_was_answered_before_a_broken_line_stays(trained, command, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("text,id\na wonderful story,1\na dull story,2\nbroken\na dull story,3\n")
    done = command("predict", trained[0], "--input", path, "--output", tmp_path / "out.csv")
    assert done.returncode == 1
    assert f"{path}:4: 1 field, but the first line names 2 columns" in done.stderr
    assert [row["predicted_label"] for row in table((tmp_path / "out.csv.partial").read_text())] == ["good", "bad"]
    assert not (tmp_path / "out.csv").exists()
    (tmp_path / "in.jsonl").write_text('{"text": "a dull story"}\n{"other": 1}\n')
    done = command("predict", trained[0], "--input", tmp_path / "in.jsonl")
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert "in.jsonl:2: no key 'text'" in done.stderr


def test_columns_are_chosen_once_at_the_line_that_names_them(tmp_path):
    path, chosen = tmp_path / "in.csv", []
    path.write_text("text,label\na wonderful story,good\na dull story,bad\n")
    rows = read_rows(path, lambda columns, place: chosen.append((columns, place)) or ("text",))
    assert [row.text for row in rows] == ["a wonderful story", "a dull story"]
    assert [(columns, place.file, place.line) for columns, place in chosen] == [(["text", "label"], str(path), 1)]


def test_an_input_that_cannot_be_is_placed_after_the_answers_before_it(pointed, command, tmp_path):
    (tmp_path / "in.txt").write_text("100 0 7\n1 2\n")
    done = command("predict", pointed, "--input", tmp_path / "in.txt")
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert "in.txt:2: the vector has 2 numbers, but the model takes 3" in done.stderr


def test_that_a_text_is_cut_is_reported_once(reviews, small, command, tmp_path):
    out = tmp_path / "run"
    assert command("run", "sentiment", "--data", reviews, "--out", out, *small, "--max-tokens", "5").returncode == 0
    path = tmp_path / "in.txt"
    path.write_text("one two\none two three four five\n" + "one two three four five six\n" * 3)
    done = command("predict", out, "--input", path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5
    assert done.stderr.splitlines() == [
        f"note: {path}:3: the input has 6 tokens, of which the model reads the first 5; this note is not "
        "repeated for other inputs"
    ]


def fed(monkeypatch, content):
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)


@pytest.mark.parametrize("name", ["in.csv", "in.tsv", "in.jsonl"])
def test_a_table_on_standard_input_is_answered_as_the_file_is(name, trained, command, written, tmp_path, monkeypatch):
    rows = [row | {"text": " ".join(row["text"].split())} for row in table(written.read_text())]
    texts = {
        "in.csv": written.read_text(),
        "in.tsv": "id\ttext\tlabel\n" + "".join("\t".join(row.values()) + "\n" for row in rows),
        "in.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
    }
    (tmp_path / name).write_text(texts[name])
    expected = command("predict", trained[0], "--input", tmp_path / name)
    fed(monkeypatch, texts[name].encode())
    done = command("predict", trained[0], "--input", "-", "--format", name[3:])
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected.stdout and done.stdout.count("predicted_label") >= 1


def test_a_broken_row_on_standard_input_is_placed_after_the_answers_before_it(trained, command, monkeypatch):
    fed(monkeypatch, b"id,text\n1,a wonderful story\n2,a,b\n")
    done = command("predict", trained[0], "--format", "csv", "--text-column", "text")
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 2
    assert done.stderr.startswith("seqkit: standard input.csv:3: 3 fields, but the first line names 2 columns")


def test_semicolons_on_standard_input_come_back_as_they_were(trained, command, monkeypatch):
    fed(monkeypatch, b"id;text\n1;a wonderful, moving story\n")
    done = command("predict", trained[0], "--format", "csv", "--text-column", "text")
    assert done.stdout.startswith("id;text;predicted_label;")
    assert done.stdout.splitlines()[1].startswith("1;a wonderful, moving story;")


def test_rows_of_a_stream_are_there_before_it_ends():
    into, out = os.pipe()
    with os.fdopen(into, "rb") as stream, os.fdopen(out, "wb", buffering=0) as pen:
        groups = arriving(read_rows(Path("standard input.csv"), lambda columns, place: ("text",), stream))
        pen.write(b"id,text\n1,first\n")
        assert [row.text for row in next(groups)] == ["first"]
        pen.write(b'2,"second,\nin two lines"\n')
        assert [row.text for row in next(groups)] == ["second,\nin two lines"]
        pen.close()
        assert list(groups) == []


def test_any_failure_of_reading_a_stream_ends_it():
    def rows():
        yield InputRow("first")
        raise MemoryError

    groups = arriving(rows())
    assert [row.text for row in next(groups)] == ["first"]
    with pytest.raises(MemoryError):
        next(groups)


@pytest.mark.parametrize(
    "arguments", [["--format", "xml"], ["--format", "csv", "--input", "FILE"], ["a", "--format", "csv"]]
)
def test_a_format_that_cannot_be_is_refused(arguments, trained, command, written):
    done = command("predict", trained[0], *(written if word == "FILE" else word for word in arguments))
    assert done.returncode == 2 and "--format says what standard input is: csv, tsv, jsonl" in done.stderr


def test_rows_in_many_windows_keep_their_order(trained, command, tmp_path, monkeypatch):
    monkeypatch.setattr("seqkit.runs.rows._ROWS", 7)
    words = [f"{'wonderful' if number % 3 else 'dull'} {'story ' * (number % 11)}" for number in range(100)]
    path = tmp_path / "in.csv"
    path.write_text("id,text\n" + "".join(f"{number},{text}\n" for number, text in enumerate(words)))
    rows = table(command("predict", trained[0], "--input", path).stdout)
    assert [row["id"] for row in rows] == [str(number) for number in range(100)]
    model = load(trained[0])
    assert [row["predicted_label"] for row in rows] == [model.predict([text])[0].label for text in words]


def test_tables_of_other_tasks_come_back_too(pointed, phrased, points, phrases, command):
    rows = table(command("predict", pointed, "--input", points).stdout)
    assert sum(row["class"] == row["predicted_label"] for row in rows) > 0.8 * len(rows) == 96
    done = command("predict", phrased, "--input", phrases)
    rows = table(done.stdout, "\t")
    assert list(rows[0])[:3] == ["English", "French", "predicted_translation"]
    assert sum(row["French"] == row["predicted_translation"] for row in rows) > len(rows) // 2


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(trained):
    """A stream of 60,000 lines peaks where one of 6,000 does."""
    peaks = []
    for count in (6_000, 60_000):
        code = f"print('a wonderful story and a very dull one indeed\\n' * {count}, end='')"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as source:
            program = (
                "import sys; from seqkit.commands import main; from seqkit.machine import peak\n"
                "try: main(['predict', sys.argv[1], '--input', '-'])\n"
                "except SystemExit: sys.stderr.write(f' {peak()}')"
            )
            done = subprocess.run(
                [sys.executable, "-c", program, str(trained[0])], stdin=source.stdout, capture_output=True, check=True
            )
        assert len(done.stdout.splitlines()) == count
        peaks.append(float(done.stderr.split()[-1]))
    assert peaks[1] < peaks[0] + 12, "megabytes; the longer stream alone is 3 MB, its answers 4"


def test_a_bar_shows_on_a_terminal(trained, written, tmp_path):
    ours, theirs = pty.openpty()
    with (tmp_path / "out").open("w") as file:
        assert Command("predict", trained[0], "--input", written, stdout=file, stderr=theirs).wait(60) == 0
    os.close(theirs)
    assert b"rows/s" in os.read(ours, 1 << 16)
    os.close(ours)
