"""Tables as other programs write them: what is not needed is no obstacle, and what is needed is found or named."""

import time

import pytest

from seqkit.data.readers import DataError, SourceLocation, choose_column, read_examples, read_records
from seqkit.errors import UsageError


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        return path

    return write


def rows(path):
    return [dict(record.values) for record in read_records(path)]


ONE = [{"text": "good, old film", "label": "pos"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        # The index that pandas writes, empty columns of a spreadsheet, a comma at the end of every line or of one.
        ("a.csv", ',text,label\n0,"good, old film",pos\n'),
        ("a.csv", 'text,label,,,\n"good, old film",pos,,,\n'),
        ("a.csv", 'text,label,\n"good, old film",pos\n'),
        ("a.csv", 'text,label\n"good, old film",pos,\n'),
        ("a.tsv", "\ttext\tlabel\n0\tgood, old film\tpos\n"),
        # What separates fields.
        ("a.csv", 'sep=;\ntext;label\n"good, old film";pos\n'),
        ("a.csv", "text;label\ngood, old film;pos\n"),
        ("a.csv", "text\tlabel\ngood, old film\tpos\n"),
        ("a.csv", "text|label\ngood, old film|pos\n"),
        ("a.csv", 'text,label\r"good, old film",pos\r'),
        ("a.tsv", "text\tlabel\rgood, old film\tpos\r"),
        # A comment before the header.
        ("a.csv", '# made by a tool\ntext,label\n"good, old film",pos\n'),
        ("a.tsv", "# made by a tool\ntext\tlabel\ngood, old film\tpos\n"),
        # One array.
        ("a.json", '[{"text": "good, old film", "label": "pos"}]'),
        ("a.json", '\n[\n {"text": "good, old film",\n "label": "pos"},\n]\n'),
    ],
)
def test_a_table_is_read_as_it_is_meant(file, name, content):
    assert rows(file(name, content)) == ONE


def test_a_header_that_begins_with_a_hash_is_a_header(file):
    assert rows(file("a.csv", "#,text,label\n1,a,b\n")) == [{"#": "1", "text": "a", "label": "b"}]


def test_quotes_that_pandas_has_doubled_are_single_again(file):
    path = file("a.tsv", 'text\tlabel\n"she said ""no"" twice"\tx\n"great"\ty\n""" odd\tz\n')
    assert [row["text"] for row in rows(path)] == ['she said "no" twice', '"great"', '""" odd']


def test_a_key_that_some_rows_lack_is_missed_only_where_it_is_needed(file):
    path = file("a.jsonl", '{"text": "a", "label": "x", "note": "n"}\n{"text": "b", "label": "y"}\n{"text": "c"}\n')
    assert [record.values["text"] for record in read_records(path)] == ["a", "b", "c"]
    with pytest.raises(DataError, match=r"a\.jsonl:3: no key 'label', which other rows have"):
        read_examples(path)


def test_two_columns_of_one_name_stop_what_needs_them_alone(file):
    path = file("a.csv", "id,text,id,label\n1,a,2,x\n")
    assert rows(path) == [{"id": "1", "text": "a", "id (2)": "2", "label": "x"}]
    with pytest.raises(UsageError, match="two columns are called 'id'; rename one of them"):
        choose_column(["id", "text", "id (2)"], "id", "label", SourceLocation("a.csv", 1))
    with pytest.raises(UsageError, match="two columns are called 'text'"):
        read_examples(file("b.csv", "text,text,label\na,b,x\n"))


@pytest.mark.parametrize("name", ["", "x"])
def test_a_header_of_many_columns_takes_time_in_proportion(file, name):
    # A damaged .bz2 unpacked to half a million commas, and each name was compared with all before it.
    count = 40_000
    header, row = "text" + f",{name}" * count, "a" + f",{name}" * count
    began = time.process_time()
    values = rows(file("a.csv", f"{header}\n{row}\n"))[0]
    assert time.process_time() - began < 10
    assert list(values)[:3] == (["text", "x", "x (2)"] if name else ["text"])
    assert len(values) == (count + 1 if name else 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", ",\na,b\n", "a.csv:2: the file has a header but no rows"),
        ("a.csv", "text,label\na\n", "a.csv:2: 1 field, but the first line names 2 columns"),
        ("a.csv", "text,label\na,b,c\n", "a.csv:2: 3 fields, but the first line names 2 columns"),
        ("a.csv", 'text,label\n"a ""b"" c",d\n"a \\"b\\" c",d\n', "a.csv:3: the quoting is broken"),
        ("a.json", "", "a.json:1: the file is empty"),
        ("a.json", '{"text": "a"}', "a.json:1: the file is not a JSON array"),
        ("a.json", '[{"text": "a"},\n\n3]', "a.json:3: '3' in the array is not an object"),
        ("a.json", '[{"text": "a"},\n{"text": ]', "a.json:2: the array is not JSON"),
        ("a.json", '[{"text": "a"}', "a.json:1: the array is not JSON"),
        ("a.json", "[]", "a.json:1: the array is empty"),
    ],
)
def test_what_cannot_be_read_is_named(file, name, content, message):
    with pytest.raises(DataError) as caught:
        rows(file(name, content))
    assert message in str(caught.value)
