"""Tables and texts as people have them: read as they are meant, or named in the words of both `run` and `doctor`."""

import bz2
import gzip
import io
import json
import lzma
import zipfile

import pytest

from seqkit.checks.splits import stop_at_problems
from seqkit.config import make_config
from seqkit.data.pair_files import unnamed_fields
from seqkit.data.readers import PLAIN
from seqkit.doctor.examine import examine
from seqkit.errors import SeqkitError
from seqkit.runs import find_task

TEXTS = [
    f"a {mood} film about {what}" for mood in ("good", "fine", "bad", "poor") for what in ("cats", "dogs", "men", "war")
]
ROWS = [(text, "pos" if number < 8 else "neg") for number, text in enumerate(TEXTS)]
FRENCH = [(f"{text} “été”", label) for text, label in ROWS]
RUSSIAN = [(f"хороший фильм {text}", label) for text, label in ROWS]
CHINESE = [(f"这部电影很好看 {text}", label) for text, label in ROWS]


def table(rows=ROWS, header="text,label", mark=",", end="\n"):
    lines = [header.replace(",", mark)] if header else []
    return "".join(line + end for line in [*lines, *(mark.join(row) for row in rows)])


def zipped(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


OBJECTS = [{"text": text, "label": label} for text, label in ROWS]
LINES_OF_CHINESE = "\n".join(json.dumps({"text": a, "label": b}, ensure_ascii=False) for a, b in CHINESE)
COLUMNS = {name: [row[name] for row in OBJECTS] for name in ("text", "label")}


class Found:
    """What a run reads of a file, its notes or its error, and what doctor says of the same."""

    def __init__(self, folder, task, name, content, options):
        self.path, kind = folder / name, find_task(task)
        if content is not None:
            self.path.write_bytes(content if isinstance(content, bytes) else content.encode())
        config = make_config(kind.config, {"data": str(self.path), **options})
        self.splits, self.notes, self.error = None, [], ""
        try:
            splits = kind.read(config, self.notes)
            stop_at_problems(kind, splits, self.notes)
            self.splits = splits
        except SeqkitError as caught:
            self.error = str(caught)
        self.report = examine(kind, config, 0)
        self.findings = [str(finding) for finding in self.report.findings]
        self.agree(folder)

    def agree(self, folder):
        """Doctor says what the run says, in its words, and names no file of its own."""
        assert "seqkit-doctor-" not in json.dumps(self.report.to_json())
        if self.error:
            assert any(f.level == "wrong" and self.error in str(f) for f in self.report.findings), self.findings
            self.error = self.error.replace(f"{folder}/", "")
            return
        for note in self.notes:
            assert any(note in finding for finding in self.findings), (note, self.findings)
        self.notes = [note.replace(f"{folder}/", "") for note in self.notes]

    @property
    def texts(self):
        parts = [example for part in (self.splits.train, self.splits.valid, self.splits.test) for example in part]
        return sorted((example.text, example.label) for example in parts)


@pytest.fixture
def found(tmp_path):
    return lambda task, name, content=None, **options: Found(tmp_path, task, name, content, options)


MEANT = {
    "utf-16": ("a.csv", table(FRENCH).encode("utf-16"), FRENCH, {}),
    "utf-16 tabs": ("a.tsv", table(FRENCH, mark="\t").encode("utf-16"), FRENCH, {}),
    "utf-16 without a mark": ("a.csv", table(FRENCH).encode("utf-16-le"), FRENCH, {"encoding": "utf-16-le"}),
    "utf-32": ("a.csv", table(FRENCH).encode("utf-32"), FRENCH, {}),
    "utf-8 with a mark": ("a.csv", table(FRENCH).encode("utf-8-sig"), FRENCH, {}),
    "cp1252": ("a.csv", table(FRENCH).encode("cp1252"), FRENCH, {"encoding": "cp1252"}),
    "cp1251": ("a.tsv", table(RUSSIAN, mark="\t").encode("cp1251"), RUSSIAN, {"encoding": "cp1251"}),
    "gbk": ("a.csv", table(CHINESE).encode("gbk"), CHINESE, {"encoding": "gbk"}),
    "gbk json": ("a.jsonl", LINES_OF_CHINESE.encode("gbk"), CHINESE, {"encoding": "gbk"}),
    "sep": ("a.csv", "sep=;\n" + table(mark=";"), ROWS, {}),
    "semicolons": ("a.csv", table(mark=";"), ROWS, {}),
    "tabs in a csv": ("a.csv", table(mark="\t"), ROWS, {}),
    "bars": ("a.csv", table(mark="|"), ROWS, {}),
    "old mac": ("a.csv", table(end="\r"), ROWS, {}),
    "old mac tabs": ("a.tsv", table(mark="\t", end="\r"), ROWS, {}),
    "windows": ("a.csv", table(end="\r\n"), ROWS, {}),
    "comment": ("a.csv", "# made by a tool\n" + table(), ROWS, {}),
    "comments": ("a.csv", "# made by a tool\n# of ours\n" + table(), ROWS, {}),
    "index": ("a.csv", table([(str(n), *row) for n, row in enumerate(ROWS)], ",text,label"), ROWS, {}),
    "gzip": ("a.csv.gz", gzip.compress(table().encode()), ROWS, {}),
    "bzip2": ("a.tsv.bz2", bz2.compress(table(mark="\t").encode()), ROWS, {}),
    "xz": ("a.csv.xz", lzma.compress(table().encode()), ROWS, {}),
    "zip": ("a.zip", zipped("a.csv", table()), ROWS, {}),
    "gzip utf-16": ("a.csv.gz", gzip.compress(table(FRENCH).encode("utf-16")), FRENCH, {}),
    "array": ("a.json", json.dumps(OBJECTS), ROWS, {}),
    "array on lines": ("a.json", json.dumps(OBJECTS, indent=2), ROWS, {}),
    "lines called json": ("a.json", "\n".join(map(json.dumps, OBJECTS)), ROWS, {}),
    "array in an object": ("a.json", json.dumps({"version": 2, "data": OBJECTS}, indent=1), ROWS, {}),
    "columns": ("a.json", json.dumps(COLUMNS), ROWS, {}),
    "columns of pandas": (
        "a.json",
        json.dumps({name: dict(enumerate(column)) for name, column in COLUMNS.items()}),
        ROWS,
        {},
    ),
    "no header": ("a.csv", table(header=""), ROWS, {"columns": "text,label"}),
    "no header, tabs": ("a.tsv", table(header="", mark="\t"), ROWS, {"columns": "text, label"}),
    "no header, an index": ("a.csv", table([("1", *row) for row in ROWS], ""), ROWS, {"columns": "n,text,label"}),
}


@pytest.mark.parametrize(("name", "content", "rows", "options"), MEANT.values(), ids=MEANT)
def test_a_table_is_read_as_it_is_meant(found, name, content, rows, options):
    reading = found("sentiment", name, content, **options)
    assert (reading.error, reading.notes) == ("", [])
    assert reading.texts == sorted(rows)
    assert reading.report.sound


ESCAPED = {
    "every row": [(f'"{a} \\"so\\" b"', b) for a, b in ROWS],
    "the last row": [*ROWS[:-1], (f'"{ROWS[-1][0]} \\"so\\" b"', ROWS[-1][1])],
    "a row of two lines": [(f'"{ROWS[0][0]}\n\\"so\\" b"', ROWS[0][1]), *ROWS[1:]],
    "at both ends": [(f'"\\"{a}\\""', b) for a, b in ROWS],
}


@pytest.mark.parametrize("rows", ESCAPED.values(), ids=ESCAPED)
def test_quotes_after_a_backslash_are_quotes_where_none_is_doubled_and_a_note_says_so(found, rows):
    reading = found("sentiment", "a.csv", table(rows))
    meant = [(a[1:-1].replace('\\"', '"') if a[0] == '"' else a, b) for a, b in rows]
    assert reading.texts == sorted(meant)
    (note,) = reading.notes
    assert note.startswith("quotes inside quotes have a backslash before them, the first at a.csv:")
    assert reading.report.sound


def test_a_backslash_before_the_closing_quote_is_the_end_of_a_path(found):
    reading = found("sentiment", "a.csv", table([*ROWS, ('"films in C:\\old\\"', "pos")]))
    assert ("films in C:\\old\\", "pos") in reading.texts and not reading.notes


MORE = "a strange film about "
STOPPED = {
    "cp1252": (
        "a.csv",
        table(FRENCH).encode("cp1252"),
        "a.csv:2: byte 0x93 at column 24 is not UTF-8; as cp1252 it reads",
        15,
    ),
    "cp1251": (
        "a.csv",
        table(RUSSIAN).encode("cp1251"),
        "a.csv:2: byte 0xf5 at column 1 is not UTF-8; as cp1251 it reads",
        15,
    ),
    "gbk": (
        "a.csv",
        table(CHINESE).encode("gbk"),
        "a.csv:2: byte 0xd5 at column 1 is not UTF-8; as gb18030 it reads",
        15,
    ),
    "utf-16 without a mark": (
        "a.csv",
        table().encode("utf-16-le"),
        "a.csv:1: the file is not UTF-8 but seems to be utf-16-le",
        0,
    ),
    "one byte": (
        "a.csv",
        table().encode() + b"a caf\xe9 story,pos\n",
        "a.csv:18: byte 0xe9 at column 6 is not UTF-8",
        0,
    ),
    "one byte, old mac": (
        "a.csv",
        table(end="\r").encode() + b"a caf\xe9 story,pos\r",
        "a.csv:18: byte 0xe9 at column 6",
        0,
    ),
    "byte in the header": (
        "a.csv",
        table(header="text,label,ann\u00e9e").encode("cp1252"),
        "a.csv:1: byte 0xe9 at column 15",
        0,
    ),
    "ragged, utf-16": (
        "a.csv",
        (table() + "a,b,c\n").encode("utf-16"),
        "a.csv:18: 3 fields, but the first line names 2",
        0,
    ),
    "empty": ("a.csv", "", "a.csv:1: the file is empty", 0),
    "blank": ("a.csv", "\n\n \n", "a.csv:1: the file is empty", 0),
    "empty tsv": ("a.tsv", "", "a.tsv:1: the file is empty", 0),
    "empty jsonl": ("a.jsonl", "\n", "a.jsonl:1: the file is empty", 0),
    "header": ("a.csv", "text,label\n", "a.csv:1: the file has a header but no rows", 0),
    "two texts": (
        "a.csv",
        table([(a, "x", b) for a, b in ROWS], "text,text,label"),
        "a.csv:1: two columns are called 'text'",
        0,
    ),
    "two labels": (
        "a.csv",
        table([(a, b, b) for a, b in ROWS], "text,label,label"),
        "a.csv:1: two columns are called 'label'",
        0,
    ),
    "all ragged": (
        "a.csv",
        table([(a, "more", b) for a, b in ROWS]),
        "a.csv:2: 3 fields, but the first line names 2 columns, in 'a good film about cats | more |",
        15,
    ),
    "some ragged": (
        "a.csv",
        table() + "a,b,c\n" * 30,
        "a.csv:18: 3 fields, but the first line names 2 columns, in 'a | b | c'",
        29,
    ),
    "ragged tsv": (
        "a.tsv",
        table(mark="\t") + "a\tb\tc\n",
        "a.tsv:18: 3 fields, but the first line names 2 columns",
        0,
    ),
    "backslashes after doubled quotes": (
        "a.csv",
        table([(f'"{a} ""so"" b"', b) for a, b in ROWS]) + '"he \\"said\\" so",pos\n',
        "a.csv:18: the quoting is broken",
        0,
    ),
    "open quote": ("a.csv", table() + '"never closed,pos\n', "a.csv:18: a quote that opens here is never closed", 0),
    "mixed ends": (
        "a.csv",
        table() + "a film\rof war,pos\n",
        "a.csv:18: a carriage return (\\r) without a line feed",
        0,
    ),
    "joined": ("a.csv", table() + "\ufeff" + table(), "a.csv:18: the line that names the columns is repeated here", 0),
    "no names": ("a.csv", table(header=""), "a.csv:1: cannot tell which column holds the text", 0),
    "named twice": ("a.csv", table(), "a.csv:1: the first line names the columns itself; leave out --columns", 0),
    "one class": ("a.csv", table([(a, "pos") for a, _ in ROWS]), "a.csv:2: there is only one class, 'pos'", 0),
    "no label": ("a.csv", table() + "what is this,\n" * 7, "a.csv:18: column 'label' is empty", 6),
    "nul": ("a.csv", table().encode() + b"a\0b,pos\n", "a.csv:18: the line has a NUL byte", 0),
    "damaged gzip": ("a.csv.gz", gzip.compress(table().encode())[:-12], "a.csv.gz:", 0),
    "no gzip": ("a.csv.gz", table(), "a.csv.gz:1: cannot read on: Not a gzipped file", 0),
    "no zip": ("a.zip", b"PK?", "a.zip:1: this is not a zip archive", 0),
    "ragged gzip": ("a.csv.gz", gzip.compress((table() + "a,b,c\n").encode()), "a.csv.gz:18: 3 fields", 0),
    "no array": ("a.json", '"text"', "a.json:1: the file is not a JSON array", 0),
    "no objects": ("a.json", json.dumps([*OBJECTS, 3]), "a.json:1: '3' in the array is not an object", 0),
    "no object": (
        "a.jsonl",
        "\n".join(map(json.dumps, [*OBJECTS, [1], [2]])),
        "a.jsonl:17: the line is not a JSON object",
        1,
    ),
    "a key is missing": (
        "a.jsonl",
        "\n".join(map(json.dumps, [*OBJECTS, {"text": "x"}])),
        "a.jsonl:17: no key 'label'",
        0,
    ),
    "no table": ("a.txt", table(), "cannot tell the format of a.txt by its ending", 0),
}


@pytest.mark.parametrize(("name", "content", "message", "others"), STOPPED.values(), ids=STOPPED)
def test_what_stops_a_run_is_what_doctor_reports_once_with_all_its_places(found, name, content, message, others):
    options = {"columns": "text,label"} if "leave out --columns" in message else {}
    reading = found("sentiment", name, content, **options)
    assert reading.error.startswith(message)
    wrong = [finding for finding in reading.report.findings if finding.level == "wrong"]
    assert [finding.others for finding in wrong] == [others]
    assert "; " in str(wrong[0]) or "name it with" in str(wrong[0]) or "check" in str(wrong[0]), "what to do is missing"


NOTED = {
    "control characters": (
        table() + "a \x93quoted\x94 word,pos\n" * 3,
        "a.csv:18: a control character, '\\x93', which is '“' in cp1252",
    ),
    "a bell": (table() + "a \x07 word,pos\n", "a.csv:18: a control character, '\\x07'"),
    "a mark inside": (
        table() + "\ufeffanother file,pos\n",
        "a.csv:18: a byte order mark, '\\ufeff', is inside the text",
    ),
    "latin-1 read twice": (
        table() + "le cafÃ© est bon,pos\n",
        "a.csv:18: 'Ã©' looks like UTF-8 that was read as Latin-1",
    ),
    "cyrillic read twice": (
        table() + "Ñ„Ð¸Ð»ÑŒÐ¼ is good,pos\n",
        "a.csv:18: 'Ñ„Ð¸' looks like UTF-8 that was read as Latin-1",
    ),
    "a character lost": (table() + "caf\ufffd is good,pos\n", "a.csv:18: U+FFFD stands for a character"),
    "capitals": (
        table() + "".join(f"{MORE}{n},POS\n" for n in range(3)),
        "a.csv:18: 'pos' (8), 'POS' (3) are learned as 2 classes",
    ),
    "spaces": (
        table() + "".join(f"{MORE}{n},p os\n{MORE}{n} too,p_os\n" for n in range(3)),
        "a.csv:19: 'p os' (3), 'p_os' (3)",
    ),
    "numbers": (
        table([(a, ["0", "0.0", "1", "1"][n % 4]) for n, a in enumerate(TEXTS)]),
        "a.csv:3: '0' (4), '0.0' (4) are learned as 2 classes",
    ),
    "nan": (
        table() + "".join(f"{MORE}{n},nan\n" for n in range(3)),
        "a.csv:18: 'nan' is learned as a class of 3 examples",
    ),
    "none of python": (
        table() + "".join(f"{MORE}{n},None\n" for n in range(3)),
        "a.csv:18: 'None' is learned as a class of 3",
    ),
    "joined labels": (
        table() + "".join(f'{MORE}{n},"neg,pos"\n' for n in range(3)),
        "a.csv:18: 3 examples have several labels in one cell, such as 'neg,pos'",
    ),
    "bars": (
        table() + "".join(f"{MORE}{n},neg|pos\n" for n in range(3)),
        "a.csv:18: 3 examples have several labels in one cell, such as 'neg|pos'",
    ),
    "lists": (table([(a, f"['{b}']") for a, b in ROWS]), "a.csv:2: 16 examples have several labels in one cell"),
    "blank texts": (table() + ",pos\n" * 4, "4 rows without text were left out, the first at a.csv:18"),
}


@pytest.mark.parametrize(("content", "message"), NOTED.values(), ids=NOTED)
def test_what_is_odd_is_a_note_of_a_run_and_a_finding_of_doctor(found, content, message):
    reading = found("sentiment", "a.csv", content)
    assert reading.error == "" and reading.report.sound
    assert len(reading.notes) == 1 and reading.notes[0].startswith(message)
    told = [finding for finding in reading.findings if message.partition(": ")[2][:20] in finding]
    assert len(told) == 1, "doctor says it twice"


@pytest.mark.parametrize("labels", [("Paris, France", "Oslo, Norway"), ("none", "some"), ("-1", "1"), ("c", "c++")])
def test_labels_that_are_what_they_seem_are_not_noted(found, labels):
    rows = [(text, f'"{labels[number % 2]}"') for number, text in enumerate(TEXTS)]
    assert found("sentiment", "a.csv", table(rows)).notes == []


def test_lists_of_labels_are_learned_as_sets_and_said(found):
    rows = [{"text": text, "label": [label, "long"]} for text, label in ROWS]
    (note,) = found("sentiment", "a.jsonl", "\n".join(map(json.dumps, rows))).notes
    assert note.startswith("column 'label' holds lists, so a text has a set of labels (--target labels)")


def write_folder(folder, rows, ending=".txt"):
    for number, (text, label) in enumerate(rows):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}{ending}").write_text(text + "\n")
    return folder


def test_a_folder_for_each_label_is_a_table(found, tmp_path):
    folder = write_folder(tmp_path / "data", ROWS)
    (folder / "README").write_text("Texts of ours.")
    (folder / "pos" / "urls.lst").write_text("http://…")
    assert found("sentiment", "data").texts == sorted(ROWS)
    write_folder(folder, [("  ", "pos")], "x.txt")
    (note,) = found("sentiment", "data").notes
    assert note == "1 row without text was left out, the first at data/pos/0x.txt:1"


@pytest.mark.parametrize("task", ["sentiment", "translate", "digit"])
def test_a_folder_in_the_place_of_a_file_is_told_which_file_is_meant(found, tmp_path, task):
    folder = tmp_path / "data"
    folder.mkdir()
    assert found(task, "data").error == "data is a folder without files; give a file"
    for name in ("b.csv", "a.csv"):
        (folder / name).write_text(table())
    assert found(task, "data").error == "data is a folder; give one of its files: a.csv, b.csv"
    for name in ("train.csv", "test.csv"):
        (folder / name).write_text(table())
    error = found(task, "data").error
    assert error == "data is a folder with splits in it; give --data data/train.csv --test-data data/test.csv"


def test_a_folder_of_splits_with_folders_of_labels_says_how_to_give_them(found, tmp_path):
    for split in ("train", "test"):
        write_folder(tmp_path / "data" / split, ROWS)
    assert "give --data data/train --test-data data/test" in found("sentiment", "data").error
    reading = found("sentiment", "data/train", test_data=str(tmp_path / "data/test"))
    assert len(reading.splits.test) == 16


def test_nothing_of_a_group_is_in_two_splits(found):
    speakers = [f"speaker {number % 8}" for number in range(16)]
    rows = [(text, label, speaker) for (text, label), speaker in zip(ROWS, speakers, strict=True)]
    reading = found("sentiment", "a.csv", table(rows, "text,label,who"), group_column="who", test_fraction=0.25)
    who = dict(zip(TEXTS, speakers, strict=True))
    parts = [{who[e.text] for e in part} for part in (reading.splits.train, reading.splits.valid, reading.splits.test)]
    assert all(parts) and sum(map(len, parts)) == 8 == len(set().union(*parts))
    counts = ", ".join(f"{len(part)} in {name}" for name, part in zip(("train", "valid", "test"), parts, strict=True))
    assert reading.notes == [f"no value of 'who' is divided: {counts}"]


def test_groups_that_share_a_text_are_one_group(found):
    # The same text by two speakers: neither the text nor either speaker is in two splits.
    rows = [(text, label, f"s{number}") for number, (text, label) in enumerate(ROWS)]
    rows += [(TEXTS[0], "pos", "s1"), (TEXTS[8], "neg", "s9")]
    for seed in range(5):
        reading = found("sentiment", "a.csv", table(rows, "text,label,who"), group_column="who", seed=seed)
        where = {}
        for name in ("train", "valid", "test"):
            for example in getattr(reading.splits, name):
                where.setdefault(example.text, set()).add(name)
        assert where[TEXTS[0]] == where[TEXTS[1]] and len(where[TEXTS[0]]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(), "a.csv:1: no column 'who'"),
        (table([(*row, "") for row in ROWS], "text,label,who"), "a.csv:2: column 'who' is empty; name the group"),
    ],
)
def test_groups_that_are_not_there_are_named(found, content, message):
    assert found("sentiment", "a.csv", content, group_column="who").error.startswith(message)


def test_vectors_are_split_by_groups_too_which_are_not_features(found):
    rows = [(str(n), str(n * n % 7), "ab"[n % 2], f"p{n // 4}") for n in range(40)]
    reading = found("digit", "a.csv", table(rows, "x,y2,label,patient"), group_column="patient")
    assert [len(example.text.split()) for example in reading.splits.train[:1]] == [2]
    patients = {f"{n} {n * n % 7}": f"p{n // 4}" for n in range(40)}
    parts = [{patients[e.text] for e in p} for p in (reading.splits.train, reading.splits.valid, reading.splits.test)]
    assert sum(map(len, parts)) == 10


PROSE = "It was the best of times, it was the worst of times.\n" * 40


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.txt", PROSE.encode("utf-16"), {}),
        ("a.txt", PROSE.replace("best", "été").encode("cp1252"), {"encoding": "cp1252"}),
        ("a.txt.gz", gzip.compress(PROSE.encode(), mtime=0), {}),
        (
            "a.csv.gz",
            gzip.compress(table([(line, "x") for line in PROSE.splitlines()], mark=";").encode(), mtime=0),
            {"text_column": "text"},
        ),
        (
            "a.csv",
            table([(line, "x") for line in PROSE.splitlines()], "", mark=";").encode("utf-16"),
            {"columns": "text,label", "text_column": "text"},
        ),
    ],
)
def test_running_text_is_read_in_every_encoding_and_compressed(found, name, content, options):
    reading = found("charlm", name, content, **options)
    assert (reading.error, reading.notes) == ("", [])
    (stretch,) = reading.splits.train
    assert next(stretch.blocks()).startswith(PROSE[:11])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PROSE.encode() + b"caf\xe9\n", "a.txt:41: byte 0xe9 at column 4 is not UTF-8; as cp1252 it reads 'café'"),
        (PROSE.encode("utf-16-le"), "a.txt:1: the file is not UTF-8 but seems to be utf-16-le"),
        (b"", "a.txt is empty; give more text"),
    ],
)
def test_running_text_that_is_none_is_named(found, content, message):
    assert found("charlm", "a.txt", content).error.startswith(message)


def test_a_table_read_as_running_text_is_noted(found):
    reading = found("charlm", "a.csv", table(ROWS * 30))
    (note,) = reading.notes
    assert note.startswith("a.csv is a table, and all of it is read as text, including column names and labels")
    assert reading.report.facts["files"][0]["format"] == "lines", "doctor takes a column for the input that is none"


def test_odd_characters_of_running_text_are_noted_with_their_line(found):
    reading = found("charlm", "a.txt", PROSE + "a \x85 b\n" + PROSE)
    assert [note.partition("; ")[0] for note in reading.notes] == [
        "a.txt:41: a control character, '\\x85', which is '…' in cp1252"
    ]


def test_a_text_too_short_to_train_on_is_wrong_without_timing_too(found):
    report = found("charlm", "a.txt", "Hello there.").report
    assert not report.sound
    assert any("one chunk needs" in str(finding) for finding in report.findings), [str(f) for f in report.findings]


def test_a_very_long_line_of_running_text_stops_nobody(found):
    reading = found("charlm", "a.txt", "word " * 120_000)
    assert reading.error == "" and reading.report.sound


def test_texts_whose_punctuation_is_learned_have_an_encoding(found, tmp_path):
    text = "".join(f"L’été {n} est là, je crois. Oui!\n" for n in range(60))
    (tmp_path / "a.txt").write_bytes(text.encode("cp1252"))
    kind = find_task("tag")
    config = make_config(kind.config, {"text": str(tmp_path / "a.txt"), "encoding": "cp1252"})
    words = [word for sentence in kind.read(config, []).train for word in sentence.words]
    assert "l’été" in words
    assert examine(kind, config, 0).sound


def test_frames_and_weights_of_labels_have_an_encoding(found, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(12):
        rows = [(f"{number}.5", "été" if step > 2 else "là") for step in range(6)]
        (folder / f"{number}.csv").write_bytes(table(rows, "x,label").encode("cp1252"))
    reading = found("frames", "clips", encoding="cp1252")
    assert {label for clip in reading.splits.train for label in clip.labels} == {"été", "là"}
    (tmp_path / "weights.csv").write_bytes("label,weight\nété,2\n".encode("cp1252"))
    rows = [(text, "été" if label == "pos" else "là") for text, label in ROWS]
    options = {"encoding": "cp1252", "class_weight": str(tmp_path / "weights.csv")}
    assert found("sentiment", "a.csv", table(rows).encode("cp1252"), **options).report.sound


def test_parallel_files_stay_in_step_where_one_has_a_fault(tmp_path):
    kind = find_task("translate")
    (tmp_path / "a.en").write_bytes("".join(f"the cat {n}\n" for n in range(30)).encode())
    (tmp_path / "a.fr").write_bytes("".join(f"le chat é{n}\n" for n in range(30)).encode("cp1252"))
    files = {"source": str(tmp_path / "a.en"), "target": str(tmp_path / "a.fr")}
    config = make_config(kind.config, files)
    with pytest.raises(SeqkitError) as caught:
        kind.read(config, [])
    report = examine(kind, config, 0)
    wrong = [finding for finding in report.findings if finding.level == "wrong"]
    assert str(caught.value) in str(wrong[0]) and [finding.others for finding in wrong] == [29]
    assert examine(kind, make_config(kind.config, {**files, "encoding": "cp1252"}), 0).sound


def test_parallel_files_can_be_given_for_every_split(found, tmp_path):
    for name, count in (("train", 30), ("valid", 3), ("test", 4)):
        for side, text in (("en", "the cat"), ("fr", "le chat")):
            (tmp_path / f"{name}.{side}").write_text("".join(f"{text} {name} {n}\n" for n in range(count)))
    kind = find_task("translate")
    files = {
        f"{prefix}{side}": str(tmp_path / f"{name}.{ending}")
        for name, prefix in (("train", ""), ("valid", "valid_"), ("test", "test_"))
        for side, ending in (("source", "en"), ("target", "fr"))
    }
    splits = kind.read(make_config(kind.config, files), [])
    assert [len(splits.train), len(splits.valid), len(splits.test)] == [30, 3, 4]
    assert (splits.test[0].source, splits.test[0].references) == ("the cat test 0", ("le chat test 0",))
    with pytest.raises(SeqkitError, match="give --test-source and --test-target, two files with matching lines"):
        kind.read(make_config(kind.config, {**files, "test_target": None}), [])


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("a cat\tun chat\na dog\tun chien\n", ("source", "target")),
        ("1\ta cat\tun chat\n2\ta dog\tun chien\n", ("field 1", "source", "target")),
        ("a cat\na dog\n", ("source",)),
        ("source\ttarget\na cat\tun chat\n", ()),
        ("id\ttext\n1\ta cat\n", ()),
        ("English sentence\na cat\n", ()),
        ("", ()),
    ],
)
def test_whether_a_file_to_translate_names_its_columns(tmp_path, content, names):
    (tmp_path / "a.tsv").write_text(content)
    assert unnamed_fields(tmp_path / "a.tsv", PLAIN) == names


def test_links_in_a_circle_are_not_followed_and_one_into_nothing_is_named(wild, tmp_path):
    folder = tmp_path / "texts"
    for number, (text, label) in enumerate(ROWS):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}.txt").write_text(text)
    (folder / "pos" / "up").symlink_to("..")
    (folder / "itself").symlink_to("itself")
    assert len(wild("sentiment", str(folder)).examples) == len(ROWS)
    (tmp_path / "a.csv").symlink_to("gone.csv")
    assert "a.csv is a link to gone.csv, which is not there" in wild("sentiment", str(tmp_path / "a.csv")).error
