"""What the readers promise: every format as it is described, and file:line for everything that is wrong."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.readers import (
    MAX_LINE,
    DataError,
    Example,
    SourceLocation,
    choose_column,
    read_examples,
    read_lines,
    read_records,
)
from seqkit.errors import SeqkitError, UsageError

modest = settings(max_examples=100, deadline=None, derandomize=True)


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def lines(content):
    return [(location.line, line) for location, line in read_lines(io.BytesIO(content), "in")]


def rows(path):
    return [(record.location.line, record.values) for record in read_records(path)]


def fault(path, kind=DataError):
    """The message of the error, less the folder in front of the file's name."""
    with pytest.raises(kind) as caught:
        list(read_records(path))
    return str(caught.value).replace(f"{path.parent}/", "")


# Lines


def test_a_location_reads_as_file_and_line():
    assert str(SourceLocation("reviews.csv", 7)) == "reviews.csv:7"
    assert str(DataError("broken", SourceLocation("reviews.csv", 7))) == "reviews.csv:7: broken"


@pytest.mark.parametrize("content", [b"a\nb\n", b"a\r\nb\r\n", b"a\nb", b"\xef\xbb\xbfa\nb\n"])
def test_lines_have_no_ends_and_no_byte_order_mark(content):
    assert lines(content) == [(1, "a"), (2, "b")]


def test_a_line_ends_at_a_newline_and_nowhere_else():
    assert lines("a\u2028b\u0085c\vd\fe\rf\x1cg\n".encode()) == [(1, "a\u2028b\u0085c\vd\fe\rf\x1cg")]


def test_a_stream_is_read_and_left_open(file):
    with file("a.txt", "x\ny\n").open("rb") as stream:
        assert [str(location) for location, _ in read_lines(stream, "stdin")] == ["stdin:1", "stdin:2"]
        assert not stream.closed


def test_a_stream_without_a_given_name_goes_by_its_own(file):
    path = file("a.txt", "x\n")
    with path.open("rb") as stream:
        assert [location.file for location, _ in read_lines(stream)] == [str(path)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ok\ncaf\xe9\n", "in:2: byte 0xe9 at column 4 is not UTF-8"),
        ("ok\né".encode() + b"\xe9", "in:2: byte 0xe9 at column 2 is not UTF-8"),
        (b"ok\na\0b\n", "in:2: the line has a NUL byte"),
        (b"ok\n" + b"x" * (MAX_LINE + 1), "in:2: the line is longer than 500,000 characters"),
        (b"ok\n" + b"x" * (5 * MAX_LINE), "in:2: the line is longer than 500,000 characters"),
        (b"ok\n" + "é".encode() * (5 * MAX_LINE), "in:2: the line is longer than 500,000 characters"),
    ],
)
def test_what_is_not_text_is_named_with_its_line(content, message):
    with pytest.raises(DataError) as caught:
        lines(content)
    assert str(caught.value).startswith(message)


def test_the_longest_line_is_still_read():
    assert len(lines("é".encode() * MAX_LINE + b"\r\n")[0][1]) == MAX_LINE


def test_a_file_without_line_ends_is_never_read_whole():
    class Endless(io.RawIOBase):
        taken = 0

        def readline(self, size=-1):
            self.taken += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(DataError, match="stdin:1: the line is longer"):
        list(read_lines(stream, "stdin"))
    assert 0 < stream.taken < 5 * MAX_LINE


def test_a_disk_that_fails_is_named_with_the_line():
    class Failing(io.RawIOBase):
        def readline(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match="in:1: cannot read on: Input/output error"):
        list(read_lines(Failing(), "in"))


def test_a_missing_file_offers_its_neighbour(file):
    path = file("reviews.csv", "text,label\na,b\n")
    with pytest.raises(UsageError, match=r"no file .*review\.csv; did you mean .*reviews\.csv\?"):
        list(read_lines(path.with_name("review.csv")))
    with pytest.raises(UsageError, match="check the path"):
        list(read_lines(path.parent / "no" / "such.csv"))


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b"])
def test_a_path_that_is_not_a_file_is_a_plain_error(tmp_path, name):
    with pytest.raises(UsageError):
        list(read_lines(tmp_path / name))


# Records


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_rows_start_where_their_first_line_is(file, end, mark):
    content = f'{mark}text,label\n"one, ""two""\nthree",x\n\nfour,y\n'.replace("\n", end)
    assert rows(file("a.csv", content)) == [
        (2, {"text": 'one, "two"\nthree', "label": "x"}),
        (5, {"text": "four", "label": "y"}),
    ]


def test_a_semicolon_separates_when_the_first_row_has_no_comma(file):
    assert rows(file("a.csv", "text;label\none, two;x\n")) == [(2, {"text": "one, two", "label": "x"})]
    assert rows(file("b.csv", "text,label\none; two,x\n")) == [(2, {"text": "one; two", "label": "x"})]


@pytest.mark.parametrize("name", ["a.tsv", "a.tab", "a.TSV"])
def test_in_tsv_a_quote_is_a_character_like_any_other(file, name):
    assert rows(file(name, 'text\tlabel\n"one\tx\n\ntwo"\ty\n')) == [
        (2, {"text": '"one', "label": "x"}),
        (4, {"text": 'two"', "label": "y"}),
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_json_values_become_text(file, name):
    content = '{"text": "é\\ud83d\\ude00", "n": 1.5, "b": true, "z": null, "deep": {"a": [1]}}\n\n'
    assert rows(file(name, content)) == [
        (1, {"text": "é\U0001f600", "n": "1.5", "b": "true", "z": "", "deep": '{"a": [1]}'})
    ]


def test_rows_are_streamed(file):
    path = file("a.csv", "text,label\none,x\nbroken\n")
    assert next(read_records(path)).values == {"text": "one", "label": "x"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "a.csv:1: the file is empty"),
        ("a.tsv", "\n", "a.tsv:1: the file is empty"),
        ("a.jsonl", "\n", "a.jsonl:1: the file is empty"),
        ("a.csv", "text,label\n\n", "a.csv:1: the file has a header but no rows"),
        ("a.tsv", "text\tlabel\n", "a.tsv:1: the file has a header but no rows"),
        ("a.csv", "text,label\na,b\nc\n", "a.csv:3: 1 field, but the first line names 2 columns"),
        ("a.csv", 'text,label\n"a\nb",x,y\n', "a.csv:2: 3 fields, but the first line names 2 columns"),
        ("a.tsv", "text\tlabel\na\tb\tc\n", "a.tsv:2: 3 fields, but the first line names 2 columns"),
        ("a.csv", 'text,label\n"a"b,x\n', "a.csv:2: the quoting is broken"),
        ("a.csv", 'text,label\nok,x\n"a\nb,y\nc,z\n', "a.csv:3: a quote that opens here is never closed"),
        ("a.csv", "text,label\na\rb,x\n", "a.csv:2: a carriage return (\\r) without a line feed"),
        ("a.csv", "text,label\nok,x\n" + '"' + "word\n" * 120_000, "a.csv:3: the row runs on for 500,000 characters"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "a.jsonl:2: the line is not JSON"),
        ("a.jsonl", '{"text": "a"}\n[1]\n', "a.jsonl:2: the line is not a JSON object"),
        ("a.jsonl", '{"text": "\\ud800"}\n', "a.jsonl:1: half of a surrogate pair"),
        ("a.jsonl", '{"\\udfff": "x"}\n', "a.jsonl:1: half of a surrogate pair"),
        ("a.jsonl", '{"text": ' + "[" * 100_000, "a.jsonl:1: the line is not JSON"),
        ("a.jsonl", '{"text": NaN}\n', "a.jsonl:1: nan is not a value of JSON"),
        ("a.csv", b"text,label\na,x\n\xe9,y\n", "a.csv:3: byte 0xe9 at column 1 is not UTF-8"),
        ("a.csv", b"text,label\na,\0\n", "a.csv:2: the line has a NUL byte"),
    ],
)
def test_every_fault_is_named_with_its_line(file, name, content, message):
    assert fault(file(name, content)).startswith(message)


def test_a_number_of_absurd_length_is_an_error_not_a_crash(file):
    assert fault(file("a.jsonl", '{"n": ' + "9" * 10_000 + "}\n")).startswith("a.jsonl:1: the line is not JSON")


@pytest.mark.parametrize("depth", range(900, 1010, 5))
def test_deep_json_is_read_or_refused_but_never_crashes(file, depth):
    path = file("a.jsonl", '{"a": ' + "[" * depth + "]" * depth + "}\n")
    try:
        assert rows(path)[0][1]["a"].count("[") == depth
    except DataError as error:
        assert "a.jsonl:1" in str(error)


def test_an_unknown_suffix_names_those_that_are_read(file):
    message = fault(file("a.dat", b"PK"), UsageError)
    assert all(suffix in message for suffix in (".csv", ".tsv", ".tab", ".jsonl", ".ndjson"))


# Columns


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (["Review", "SENTIMENT"], "Review", "SENTIMENT"),
        (["title", "text", "y", "label"], "text", "label"),
        (["id", "comment", "stars"], "comment", "stars"),
    ],
)
def test_obvious_columns_are_found_and_the_most_obvious_wins(columns, text, label):
    assert choose_column(columns, None, "text", SourceLocation("a.csv", 1)) == text
    assert choose_column(columns, None, "label", SourceLocation("a.csv", 1)) == label


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("txt", r"^a\.csv:1: no column 'txt' \(the columns are text, Mood\); did you mean --label-column 'text'\?$"),
        ("MOOD", r"did you mean --label-column 'Mood'\?$"),
        ("zzz", r"name one with --label-column$"),
        (None, r"^a\.csv:1: cannot tell .* label \(the columns are text, Mood\); name it with --label-column, or "),
    ],
)
def test_a_column_that_is_not_there_is_answered_with_those_that_are(wanted, message):
    with pytest.raises(UsageError, match=message):
        choose_column(["text", "Mood"], wanted, "label", SourceLocation("a.csv", 1))


# Examples


def test_examples_are_stripped_renamed_and_selected(file):
    path = file("a.csv", "text,label,source\n good ,1 ,x\nbad,0,y\n fine,1,x\n")
    assert read_examples(path, keep={"source": "x"}, names={"1": "positive"}) == [
        Example("good", "positive", SourceLocation(str(path), 2)),
        Example("fine", "positive", SourceLocation(str(path), 4)),
    ]


def test_the_columns_can_be_named(file):
    path = file("a.csv", "text,label,words,mood\na,b,c,d\n")
    assert [(e.text, e.label) for e in read_examples(path, "words", "mood")] == [("c", "d")]


def test_rows_without_text_are_skipped_and_noted(file):
    path, notes = file("a.csv", "text,label\na,x\n ,y\n,y\nb,y\n"), []
    assert len(read_examples(path, notes=notes)) == 2
    assert notes == [f"2 rows without text were left out, the first at {path}:3"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("text,label\na,x\nb, \n", {}, r"a\.csv:3: column 'label' is empty"),
        ("text,label\n,x\n ,y\n", {}, r"a\.csv:2: every text is empty"),
        ("text,label\na,x\n", {"keep": {"source": "imdb"}}, r"a\.csv:1: no column 'source' .*only text, label"),
        (
            "text,label,source\na,x,s\n",
            {"keep": {"source": "imdb"}},
            r"a\.csv: there is no row where 'source' is 'imdb'",
        ),
    ],
)
def test_examples_that_can_not_be_used_are_named(file, content, options, message):
    with pytest.raises(SeqkitError, match=message):
        read_examples(file("a.csv", content), **options)


# Whatever people throw at it

VALID = {
    "f.csv": b'text,label\n"one, ""two""\nthree",x\nfour,y\n',
    "f.tsv": b"text\tlabel\none\tx\ntwo\ty\n",
    "f.jsonl": "".join(json.dumps({"text": t, "label": 1}) + "\n" for t in ("é", "b")).encode(),
}


@st.composite
def mutated(draw, valid):
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b",", b"\n", b"\r"])
        )
    return bytes(content)


@pytest.mark.parametrize("name", sorted(VALID))
@modest
@given(data=st.data())
def test_whatever_a_file_holds_only_a_plain_error_comes_out(tmp_path_factory, name, data):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data.draw(st.binary(max_size=60) | mutated(VALID[name])))
    try:
        for example in read_examples(path):
            assert example.text
            assert example.label
    except SeqkitError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000


@modest
@given(content=st.binary(max_size=60) | mutated("é\r\nfoo\n".encode()))
def test_whatever_a_stream_holds_only_a_plain_error_comes_out(content):
    try:
        assert all("\n" not in line for _, line in lines(content))
    except SeqkitError as error:
        assert str(error).startswith("in:")
        assert "\n" not in str(error)
