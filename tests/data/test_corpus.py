"""Running text from files: blocks, cuts, and what is wrong with a file, with its line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import DataError
from seqkit.data import corpus as module
from seqkit.data.corpus import Corpus, column_corpus, contiguous, memory_map, open_corpus, stretch
from seqkit.data.sources.python_reference import python_reference
from seqkit.errors import UsageError

TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")), min_size=1, max_size=4
)


def of(*texts):
    return Corpus("test", tuple(text.encode() for text in texts))


@settings(deadline=None)
@given(TEXTS, st.integers(1, 9), st.lists(st.floats(0.1, 1), min_size=1, max_size=4))
def test_splits_are_contiguous_and_lose_nothing_whatever_the_blocks(texts, block, sizes):
    before, module.BLOCK = module.BLOCK, block
    try:
        splits = contiguous(of(*texts), [size / sum(sizes) for size in sizes])
    except DataError:
        assert len("".join(texts)) < 10 * len(sizes)  # too short for all splits
    else:
        assert "".join("".join(split.blocks()) for split in splits) == "".join(texts)
        assert sum(split.characters for split in splits) == len("".join(texts))
    finally:
        module.BLOCK = before


def test_the_usual_split_of_a_text_is_by_its_characters_when_each_is_a_byte():
    train, test = contiguous(of("abcdefghij" * 11), [0.9, 0.1])
    assert (train.characters, test.characters) == (99, 11)


@pytest.mark.parametrize("texts", [("abc😀", "defghij"), ("abcdef😀",)])
def test_a_cut_inside_the_last_character_of_a_file_moves_to_the_end_of_the_file(texts):
    corpus = of(*texts)
    inside = texts[0].index("😀") + 2
    assert corpus.boundary(inside) == len(texts[0].encode())


def test_blocks_end_behind_line_breaks_and_long_lines_are_cut(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    assert list(stretch(of("ab\ncdefg\n\nh")).blocks()) == ["ab\n", "cdefg\n\n", "h"]
    assert max(map(len, stretch(of("x" * 100)).blocks())) <= 20


def test_the_tail_is_the_end():
    whole = stretch(of("äöü", "abc"))
    assert "".join(whole.tail(4).blocks()) == "abc"
    assert "".join(whole.tail(5).blocks()) == "üabc"
    assert "".join(whole.tail(99).blocks()) == "äöüabc"


def test_a_digest_depends_on_the_text_and_not_on_where_it_is(tmp_path):
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_text("the same")
    first, second = (stretch(open_corpus(path, [])) for path in paths)
    assert first.digest == second.digest != stretch(of("another")).digest


def test_a_folder_is_read_in_the_order_of_its_paths_without_what_is_not_text(tmp_path):
    for name, content in {"b.txt": b"2", "a/z": "1ä".encode(), "c.png": b"\x89PNG\0", ".git": b"no", "d": b""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    notes = []
    assert "".join(stretch(open_corpus(tmp_path, notes)).blocks()) == "1ä2"
    assert notes == ["2 of 4 files are empty or not text and were left out"]


BAD = [
    (b"", "is empty"),
    (b"fine\nnot \xff fine", r"text:2: byte 0xff at column 5 is not UTF-8"),
    (b"cut \xc3", r"text:1: byte 0xc3 at column 5 is not UTF-8"),
    (b"a\n\nPK\0\1", r"text:3: the line has a NUL byte"),
    (b"\xff\xfea\0\0", r"text:1: this is not utf-16"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
@pytest.mark.parametrize("block", [3, 2**20])
def test_what_is_not_text_is_refused_with_its_line(content, message, block, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(DataError, match=message):
        stretch(open_corpus(tmp_path / "text", []))


def test_a_folder_without_text_and_a_missing_file_are_refused(tmp_path):
    (tmp_path / "picture").write_bytes(b"\0")
    with pytest.raises(DataError, match="contains no text file"):
        open_corpus(tmp_path, [])
    with pytest.raises(UsageError, match=r"cannot read .*nothing"):
        open_corpus(tmp_path / "nothing", [])


def test_a_byte_order_mark_is_not_text(tmp_path):
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfab")
    text = stretch(open_corpus(tmp_path / "text", []))
    assert (list(text.blocks()), text.characters) == (["ab"], 2)


@pytest.mark.parametrize(("symbols", "size"), [(256, 1), (257, 2), (65536, 2), (65537, 4)])
def test_numbers_take_as_few_bytes_as_they_need(symbols, size):
    mapped = memory_map([[0, symbols - 1], [], [1]], symbols)
    assert isinstance(mapped, np.memmap)
    assert (mapped.tolist(), mapped.itemsize) == ([0, symbols - 1, 1], size)
    assert memory_map([], symbols).tolist() == []


def test_the_default_text_is_the_language_reference():
    text = "".join(stretch(python_reference()).blocks())
    assert 300_000 < len(text) < 2_000_000
    assert "Assert statements are a convenient way to insert debugging" in text


def test_a_column_of_a_table_is_a_text_with_a_row_a_line(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('text,label\n"one, two\nthree",x\nä,y\n', encoding="utf-8")
    text = stretch(column_corpus(path, "text"))
    assert "".join(text.blocks()) == "one, two three\nä"
    assert str(text.location) == f"{path}, column text"
    with pytest.raises(UsageError, match=r"table.csv:1: no column 'txt' .*did you mean --text-column 'text'"):
        column_corpus(path, "txt")
