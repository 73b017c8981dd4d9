import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit import SeqkitError, UsageError
from seqkit.data import DataError, Vocabulary, read_examples, read_lines, read_records
from seqkit.data.vectors import read_vectors


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"one, ""two""",x\nthree,y\n'),
        ("a.csv", 'text,label\r\n"one, ""two""",x\r\n\r\nthree,y'),
        ("a.csv", b"\xef\xbb\xbf" + b'text;label\n"one, ""two""";x\nthree;y\n'),
        ("a.tsv", 'text\tlabel\none, "two"\tx\nthree\ty\n'),
        ("a.jsonl", '{"text": "one, \\"two\\"", "label": "x"}\n\n{"text": "three", "label": "y"}\n'),
    ],
)
def test_every_format_gives_the_same_examples(tmp_path, name, content):
    examples = read_examples(written(tmp_path, name, content))
    assert [(e.text, e.label) for e in examples] == [('one, "two"', "x"), ("three", "y")]


def test_a_row_is_placed_where_it_starts(tmp_path):
    path = written(tmp_path, "a.csv", 'text,label\n"one\nmore",x\n\ntwo,y\n')
    assert [record.place.line for record in read_records(path)] == [2, 5]


def test_only_line_feeds_end_a_line(tmp_path):
    path = written(tmp_path, "a.txt", "one\u2028still\x0cone\r\ntwo")
    assert [line for _, line in read_lines(path)] == ["one\u2028still\x0cone", "two"]


def test_numbers_and_truth_values_of_json_are_labels(tmp_path):
    path = written(tmp_path, "a.jsonl", '{"text": "a", "stars": 1}\n{"text": "b", "stars": true}\n')
    assert [e.label for e in read_examples(path)] == ["1", "true"]


def test_columns_are_guessed_or_named(tmp_path):
    path = written(tmp_path, "a.csv", "id,Review,mood,stars\n1,fine,happy,4\n")
    assert [(e.text, e.label) for e in read_examples(path)] == [("fine", "4")]
    assert read_examples(path, label_column="mood")[0].label == "happy"


def test_rows_without_text_are_left_out_and_told(tmp_path):
    notes = []
    path = written(tmp_path, "a.csv", "text,label\n,x\nfine,y\n  ,x\n")
    assert [e.text for e in read_examples(path, notes=notes)] == ["fine"]
    assert notes == [f"2 rows without text were left out, the first at {path}:2"]


BAD = [
    ("empty.csv", "", ":1: the file is empty"),
    ("empty.jsonl", "\n", ":1: the file is empty"),
    ("header.csv", "text,label\n", ":1: the file has a header but no rows"),
    ("ragged.csv", "text,label\na,b\nc,d,e\n", ":3: 3 fields, but the first line names 2 columns"),
    ("ragged.tsv", "text\tlabel\na\n", ":2: 1 fields, but the first line names 2"),
    ("twice.csv", "text,text\na,b\n", ":1: two columns are called 'text'"),
    ("nameless.csv", "text,\na,b\n", ":1: a column has no name"),
    ("latin.csv", b"text,label\ncaf\xe9,x\n", ":2: byte 0xe9 at column 4 is not UTF-8"),
    ("wide.csv", "text,label\na,b\n".encode("utf-16"), ":1: the file is UTF-16"),
    ("nul.csv", b"text,label\na\0,b\n", ":2: the line has a NUL byte"),
    ("long.csv", "text,label\n" + "a" * 2**20 + ",b\n", ":2: the line is longer than 500,000 characters"),
    ("runaway.csv", 'text,label\n"a,b\n' + "c,d\n" * 200_000, ":2: the row runs on"),
    ("quote.csv", 'text,label\n"a"b,c\n', ":2: the quoting is broken"),
    ("open.csv", 'text,label\n"a,c\n', ":2: the quoting is broken"),
    ("unlabelled.csv", "text,label\na,\n", ":2: column 'label' is empty"),
    ("blank.csv", "text,label\n ,x\n ,y\n", "every text is empty"),
    ("bad.jsonl", '{"text": "a", "label": "b"}\n{"text": \n', ":2: the line is no JSON"),
    ("list.jsonl", "[1]\n", ":1: the line is no JSON object"),
    ("deep.jsonl", "[" * 100_000 + "\n", ":1: the line is no JSON"),
    ("missing.jsonl", '{"text": "a", "label": "b"}\n{"text": "c"}\n', ":2: no key 'label'"),
    ("half.jsonl", '{"text": "\\ud800", "label": "b"}\n', ":1: half of a surrogate pair"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD, ids=[name for name, _, _ in BAD])
def test_a_bad_file_is_refused_with_its_place(tmp_path, name, content, message):
    with pytest.raises(DataError) as error:
        read_examples(written(tmp_path, name, content))
    assert f"{name}{message}" in str(error.value) or message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_path_that_cannot_be_read_is_a_wrong_command(tmp_path):
    written(tmp_path, "reviews.csv", "text,label\na,b\n")
    with pytest.raises(UsageError, match=r"did you mean .*reviews.csv"):
        read_examples(tmp_path / "review.csv")
    with pytest.raises(UsageError, match="is a folder"):
        list(read_lines(tmp_path))
    with pytest.raises(UsageError, match="ending"):
        read_examples(written(tmp_path, "a.xlsx", "x"))
    with pytest.raises(UsageError, match=r"a.csv:1: no column 'txt' .*did you mean 'text'"):
        read_examples(written(tmp_path, "a.csv", "text,label\na,b\n"), text_column="txt")
    with pytest.raises(UsageError, match=r"cannot tell which column holds the label .*--label-column"):
        read_examples(written(tmp_path, "b.csv", "text,other\na,b\n"))


def test_endless_input_without_line_ends_is_refused_in_bounded_memory():
    class Endless(io.RawIOBase):
        given = 0

        def readline(self, size=-1):
            assert 0 < size < 5_000_000
            self.given += size
            return b"a" * size

    stream = Endless()
    with pytest.raises(DataError, match="standard input:1: the line is longer"):
        list(read_lines(stream, "standard input"))
    assert stream.given < 5_000_000


valid = {
    "a.csv": b'text,label\n"one, ""two""",x\nthree,y\n',
    "a.tsv": b"text\tlabel\none\tx\nthree\ty\n",
    "a.jsonl": b'{"text": "one", "label": "x"}\n{"text": "three", "label": 3}\n',
    "a.txt": b"one 0.5 1.5\nthree 1e3 -2\n",
}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(valid)), noise=st.binary(max_size=40), at=st.integers(0, 60), mixed=st.booleans())
def test_random_bytes_never_give_a_traceback(tmp_path_factory, name, noise, at, mixed):
    content = valid[name][:at] + noise + valid[name][at:] if mixed else noise
    path = written(tmp_path_factory.getbasetemp(), name, content)
    vocabulary = Vocabulary(("<pad>", "<unk>"), ("one", "three"))
    for read in (
        lambda: list(read_lines(path)),
        lambda: read_examples(path),
        lambda: read_vectors(path, vocabulary),
    ):
        try:
            read()
        except SeqkitError as error:
            assert "\n" not in str(error)
