"""Rows of large files by an index: the rows that a reader finds, wherever quotes, line breaks and chunks are."""

import csv
import io
import os
import random
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.indexed import EscapedQuotes, Excerpt, IndexedRows, lines_head, row_index, table_head
from seqkit.data.readers import PLAIN, DataError, FileForm, each_example, read_records

ODD = ['5" pipe,a', 'x "y" z,b', 'a""b,c', '"quoted ""twice""",d', '"two\nlines",e', "", "  ,f", '"",g', '"a,""\n""",h']


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def small_chunks(monkeypatch, chunk, block=5):
    monkeypatch.setattr("seqkit.data.indexed.scan._CHUNK", chunk)
    monkeypatch.setattr("seqkit.data.indexed.scan._BLOCK", block)


def rows_of(path, form=PLAIN):
    """Line and values of each row, read alone."""
    head = table_head(path, form)
    index = row_index(path, head)
    found = []
    for number in range(len(index)):
        alone = Excerpt(path)
        alone.content = head.content + index.row(number) + b"\n"
        (record,) = read_records(alone, columns=form.columns)
        found.append((index.line(number), dict(record.values)))
    return found


def all_rows(path, form=PLAIN):
    return [(location.line, dict(values)) for location, values in read_records(path, columns=form.columns)]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.sampled_from(ODD), min_size=1, max_size=12).filter(any),
    chunk=st.integers(6, 60),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    last=st.booleans(),
)
def test_rows_are_those_of_the_reader_wherever_chunks_end(tmp_path_factory, rows, chunk, end, mark, last):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    text = end.join(["text,label", *rows]) + (end if last else "")
    path.write_bytes(mark + text.encode())
    with pytest.MonkeyPatch.context() as monkeypatch:
        small_chunks(monkeypatch, chunk)
        assert rows_of(path) == all_rows(path)


def test_random_tables_are_cut_as_they_were_written(tmp_path, monkeypatch):
    draw, path = random.Random(0), tmp_path / "a.csv"
    for trial in range(60):
        small_chunks(monkeypatch, draw.choice([7, 64, 1000]))
        written = io.StringIO(newline="")
        writer = csv.writer(written, delimiter=draw.choice(",;"))
        rows = [["".join(draw.choices('ab"\n,;é ', k=draw.randrange(9))), draw.choice("xy")] for _ in range(30)]
        writer.writerows([["text", "label"], *rows])
        path.write_bytes(written.getvalue().encode())
        os.utime(path, ns=(trial, trial))
        assert [list(values.values()) for _, values in rows_of(path)] == rows


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.tsv", '# made today\n\ntext\tlabel\n"a\tx\nb "c" d\ty\n', PLAIN),
        ("a.tsv", "a\tx\nb\ty\n", FileForm(columns=("text", "label"))),
        ("a.csv", "a,x\nb,y\n", FileForm(columns=("text", "label"))),
        ("a.csv", "sep=;\ntext;label\na;x\n\n\nb;y", PLAIN),
        ("a.jsonl", '{"text": "a\\n\\"b", "label": "x"}\n\n{"text": "c", "label": "y"}\n', PLAIN),
    ],
)
def test_each_format_is_cut_as_its_reader_does(tmp_path, name, content, form):
    path = tmp_path / name
    path.write_text(content)
    head = table_head(path, form)
    rows = IndexedRows(row_index(path, head), head, lambda some: each_example(some, form=form))
    numbers = [*range(len(rows))][::-1]
    assert [example for example in rows.read(numbers) if example] == [*each_example(path, form=form)][::-1]


def test_lines_whose_first_ones_show_what_they_hold(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{number}\ta{number}\n" for number in range(9)))
    head = lines_head(path, None, 3)
    assert [head.content, head.lines, head.first] == [b"0\ta0\n1\ta1\n2\ta2\n", 3, 0]
    assert len(row_index(path, head)) == 9


def test_what_cannot_be_cut_by_bytes_has_no_head(tmp_path):
    for name, content in (
        ("a.csv", "text,label\na,x\n".encode("utf-16")),
        ("b.csv", b"text,label\ra,x\r"),
        ("c.json", b"[]\n"),
    ):
        (tmp_path / name).write_bytes(content)
        assert table_head(tmp_path / name, PLAIN) is None
    assert table_head(tmp_path, PLAIN) is None


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (["a,x", '"b" c,y'], r"a\.csv:3: a quote inside quotes is written twice"),
        (["a,x", "b,y", '"c,x', "d,y"], r"a\.csv:4: a quote that opens here is never closed"),
    ],
)
def test_broken_quotes_are_named_before_anything_is_trained(tmp_path, rows, fault):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    with pytest.raises(DataError, match=fault):
        row_index(path, table_head(path, PLAIN))


def test_a_row_that_never_ends_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("seqkit.data.indexed.scan._LONGEST", 50)
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\n" + f'"{"long " * 20}",y\nb,x\n')
    with pytest.raises(DataError, match=r"a\.csv:3: the row runs on"):
        row_index(path, table_head(path, PLAIN))


def test_backslashes_before_quotes_have_no_index(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\na,x\n"he said \\"no\\" again",y\n')
    with pytest.raises(EscapedQuotes):
        row_index(path, table_head(path, PLAIN))


def test_an_index_is_taken_again_until_the_file_changes(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb,y\n")
    head = table_head(path, PLAIN)
    first = row_index(path, head)
    with monkeypatch.context() as patched:
        patched.setattr("seqkit.data.indexed.index.RowScan", None)
        assert row_index(path, head).digest == first.digest
    path.write_text("text,label\na,x\nc,y\n")
    os.utime(path, ns=(1, 1))
    changed = row_index(path, head)
    assert changed.digest != first.digest
    assert changed.row(1) == b"c,y\n"


def test_an_index_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced, fsync, rename = [], os.fsync, Path.rename

    def named(handle):
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    def renamed(self, target):
        assert sorted(synced) == ["lines", "offsets"]
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", named)
    monkeypatch.setattr(Path, "rename", renamed)
    (tmp_path / "a.csv").write_text("text,label\nfine,good\ndull,bad\n")
    assert len(row_index(tmp_path / "a.csv", table_head(tmp_path / "a.csv", PLAIN))) == 2
    assert synced


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["index.json", "offsets", "lines"])
@pytest.mark.parametrize("damage", [flip, lambda path: path.write_bytes(b""), Path.unlink, replace_by_pipe])
def test_a_damaged_index_is_made_again(tmp_path, name, damage):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"row {number},x\n" for number in range(50)))
    index = row_index(path, head := table_head(path, PLAIN))
    damage(index.folder / name)
    killed = index.folder.with_name(f".{index.folder.name}.0a.tmp")
    killed.mkdir()
    again = row_index(path, head)
    assert [(again.row(n), again.line(n)) for n in (0, 24, 49)] == [(b"row %d,x\n" % n, n + 2) for n in (0, 24, 49)]
    assert not killed.exists()


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_in_the_place_of_an_index_is_replaced(tmp_path, make):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb,y\n")
    folder = row_index(path, head := table_head(path, PLAIN)).folder
    shutil.rmtree(folder)
    make(folder)
    assert row_index(path, head).row(1) == b"b,y\n"


def test_a_pipe_in_the_place_of_the_lock_of_an_index_does_not_hang(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb,y\n")
    index = row_index(path, head := table_head(path, PLAIN))
    replace_by_pipe(index.folder.with_suffix(".lock"))
    assert row_index(path, head).row(1) == b"b,y\n"


def test_sizes_are_the_bytes_between_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\n\nlonger,y\nb,x")
    index = row_index(path, table_head(path, PLAIN))
    assert index.sizes().tolist() == [5, 9, 3]
    assert index.sizes().dtype == np.uint32
    assert [index.line(number) for number in range(3)] == [2, 4, 5]
    assert all(one < other for one, other in pairwise(map(index.line, range(3))))


def test_a_row_that_cannot_be_read_is_left_out_and_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb\n ,y\nc,z\n")
    head = table_head(path, PLAIN)
    rows = IndexedRows(row_index(path, head), head, each_example)
    found = rows.read([0, 1, 2, 3])
    assert [example and (example.text, example.location.line) for example in found] == [("a", 2), None, None, ("c", 5)]
    assert [str(error).partition(": ")[0] for error in rows.faults.values()] == [f"{path}:3"]
