"""Texts as programs write them: other encodings, other ends of lines, compressed."""

import bz2
import codecs
import gzip
import io
import lzma
import random
import zipfile

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.readers import MAX_LINE, DataError, format_ending, read_lines, read_records
from seqkit.data.readers.compressed import open_bytes
from seqkit.data.readers.encodings import likely_encoding
from seqkit.errors import UsageError


def lines(content, **options):
    return [line for _, line in read_lines(io.BytesIO(content), "in", **options)]


def table(text, encoding, times=20):
    return ("text,label\r\n" + f"{text},good\r\n" * times).encode(encoding)


TEXTS = {
    "cp1252": "He said “great” and left – the café",
    "cp1251": "Отличный фильм, очень понравился",
    "gb18030": "这部电影非常好看，我很喜欢",
    "cp932": "この映画はとても面白かったです",
    "koi8_r": "Скучно и долго, не советую никому",
}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_says_the_encoding(encoding, end):
    assert lines(f"naïve{end}été 😀{end}".encode(encoding)) == ["naïve", "été 😀"]


def test_big_endian_is_read_as_well():
    assert lines(codecs.BOM_UTF16_BE + "a\nĊb\n".encode("utf-16-be")) == ["a", "Ċb"]


def test_carriage_returns_alone_end_lines():
    assert lines(b"one\rtwo\rthree") == lines(b"one\rtwo\rthree\r") == ["one", "two", "three"]


def test_a_carriage_return_inside_a_line_of_an_ordinary_file_is_a_character():
    assert lines(b"one\ntwo\rthree\n") == ["one", "two\rthree"]


@given(st.lists(st.text("ab é", max_size=6), min_size=1, max_size=6), st.sampled_from(["\r", "\r\n", "\n"]))
def test_lines_are_the_same_whatever_ends_them(texts, end):
    content = "".join(text + end for text in texts)
    assert lines(content.encode()) == texts
    assert lines(content.encode("utf-16")) == texts


def test_lines_that_end_with_carriage_returns_are_whole_at_the_seams_of_blocks():
    texts = [str(n) * (n % 7) for n in range(60_000)]
    assert lines("\r".join(texts).encode() + b"\r") == texts


def test_memory_is_bounded_without_any_end_of_a_line():
    for content in (b"x" * (5 * MAX_LINE) + b"\r", ("x" * (5 * MAX_LINE)).encode("utf-16")):
        with pytest.raises(DataError, match="in:1: the line is longer than 500,000 characters"):
            lines(content)


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
def test_the_encoding_that_is_named_is_read(encoding, text):
    assert lines(table(text, encoding), encoding=encoding)[1] == f"{text},good"


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
def test_another_encoding_is_guessed_and_shown_as_it_would_read(tmp_path, encoding, text):
    (tmp_path / "t.csv").write_bytes(table(text, encoding))
    with pytest.raises(DataError) as caught:
        list(read_lines(tmp_path / "t.csv"))
    assert f"if that is correct, give --encoding {encoding}" in str(caught.value)
    assert ":2: byte 0x" in str(caught.value) and text[:10] in str(caught.value)


def test_curly_quotes_of_windows_are_not_taken_for_latin_1():
    with pytest.raises(DataError, match=r"as cp1252 it reads '“great”.*--encoding cp1252"):
        lines(b"\x93great\x94 film\n")


def test_utf_16_without_a_mark_is_recognised():
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(DataError, match=f"seems to be {encoding}; give --encoding {encoding}"):
            lines("text,label\nhello there,good\n".encode(encoding))
    assert lines("text\nhello\n".encode("utf-16-le"), encoding="utf-16-le") == ["text", "hello"]


def test_a_wrong_encoding_is_refused_with_the_line():
    with pytest.raises(DataError, match="in:2: byte 0xff at column 2 is not ASCII"):
        lines(b"ok\na\xff\n", encoding="ascii")
    with pytest.raises(DataError, match=r"this is not utf-16.*correct --encoding"):
        lines(b"abc", encoding="utf-16")


@pytest.mark.parametrize("name", ["utf-99", "base64", "rot13", "", "\0", "x" * 200])
def test_an_unknown_encoding_is_refused(name):
    with pytest.raises(UsageError, match="encoding"):
        lines(b"a\n", encoding=name)


def test_bytes_that_fit_nothing_are_not_explained():
    assert likely_encoding(bytes(range(128, 160)) * 4) is None


# Compressed files

CONTENT = b"text,label\nhello,good\n"


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), CONTENT)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv.gz", gzip.compress(CONTENT, mtime=0)),
        ("t.csv.bz2", bz2.compress(CONTENT)),
        ("t.csv.xz", lzma.compress(CONTENT)),
        ("t.CSV.ZST", zstandard.compress(CONTENT)),
        ("t.zip", zipped("inside.csv", "__MACOSX/._inside.csv")),
        ("t.csv", CONTENT),
    ],
)
def test_a_compressed_table_is_read_as_what_is_inside(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert format_ending(path) == ".csv"
    ((location, values),) = read_records(path)
    assert values == {"text": "hello", "label": "good"} and location.line == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv.gz", CONTENT, "t.csv.gz:1: cannot read on"),
        ("t.csv.gz", gzip.compress(CONTENT + b"hello,good\n" * 999, mtime=0)[:-20], "t.csv.gz:.*cannot read on"),
        ("t.csv.xz", b"\xfd7zXZ\0\0\0", "t.csv.xz:1: cannot read on"),
        ("t.csv.bz2", b"BZh9", "t.csv.bz2:1: cannot read on"),
        ("t.csv.zst", CONTENT, "t.csv.zst:1: cannot read on"),
        ("t.csv.zst", zstandard.compress(CONTENT + b"hello,good\n" * 999)[:-20], "t.csv.zst"),
        ("t.zip", CONTENT, "t.zip:1: this is not a zip archive"),
        ("t.zip", zipped("a.csv", "b.csv"), "t.zip holds 2 files"),
        ("t.zip", zipped(), "t.zip holds 0 files"),
    ],
)
def test_a_damaged_archive_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_records(tmp_path / name))


@pytest.mark.parametrize("between", [b"", b"\0" * 8, b"\0" * 200_000])
def test_xz_archives_one_after_the_other_are_one_text(between, tmp_path):
    content = b"".join(b"line %d\n" % number for number in range(50_000))
    path = tmp_path / "t.txt.xz"
    path.write_bytes(lzma.compress(content) + between + lzma.compress(content))
    with open_bytes(path) as file:
        assert file.read() == content * 2


def test_an_xz_archive_that_wants_gigabytes_gets_none(tmp_path):
    path = tmp_path / "t.csv.xz"
    path.write_bytes(lzma.compress(CONTENT, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]))
    with pytest.raises(DataError, match=r"t.csv.xz:1: cannot read on: Memory usage limit exceeded"):
        list(read_lines(path))


def test_a_text_that_is_damaged_twice_is_an_error_of_its_line(tmp_path):
    # The guess at another encoding reads the file once more, as far as it goes.
    path = tmp_path / "t.txt.xz"
    path.write_bytes(lzma.compress(b"\xff\n" + random.Random(0).randbytes(300_000))[:-1000])
    with pytest.raises(DataError, match=r"t.txt.xz:1: "):
        list(read_lines(path))
