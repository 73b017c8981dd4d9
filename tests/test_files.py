"""Files that a crash leaves whole: what is on the disk before a name is changed."""

import errno
import json
import os
from pathlib import Path

import pytest

from seqkit.errors import SeqkitError
from seqkit.files import open_ordinary, read_json, read_json_lines, read_ordinary, write_atomic


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, Path.replace

    def synced(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        content = path.read_bytes() if path.is_file() else None
        events.append(("folder" if path == tmp_path else "content", content))
        fsync(handle)

    def renamed(self, target):
        events.append(("rename", self.read_bytes()))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_atomic(tmp_path / "file", b"whole")
    assert events == [("content", b"whole"), ("rename", b"whole"), ("folder", None)]
    assert (tmp_path / "file").read_bytes() == b"whole" and [*tmp_path.iterdir()] == [tmp_path / "file"]


def test_only_ordinary_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name in ("pipe", "endless"):
        with pytest.raises(OSError, match="a pipe or a device"):
            open_ordinary(tmp_path / name)
        with pytest.raises(SeqkitError, match=rf"cannot read .*{name}: it is a pipe or a device"):
            read_json(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        open_ordinary(tmp_path)
    with pytest.raises(SeqkitError, match="File name too long"):
        read_json(tmp_path / ("x" * 300))


def test_a_file_larger_than_it_may_be_is_not_read(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 11)
    assert len(read_ordinary(tmp_path / "file", 11)) == 11
    with pytest.raises(OSError, match="more than 10 bytes"):
        read_ordinary(tmp_path / "file", 10)


@pytest.mark.parametrize(
    ("schema", "good", "bad", "sentence"),
    [
        ({"a": int}, {"a": 1, "more": 2}, {"a": 1.5}, "a whole number is expected at a"),
        ({"a": int}, {"a": 1}, {"a": True}, "a whole number is expected at a"),
        ({"a": float}, {"a": 1}, {"a": "1"}, "a number is expected at a"),
        ({"a": float}, {"a": 0.5}, {"a": 10**400}, "a number is expected at a"),
        ({"a?": str}, {}, {"a": None}, "a text is expected at a"),
        ({"a": (str, None)}, {"a": None}, {"a": []}, "a text or null is expected at a"),
        ({"a": int}, {"a": 1}, {}, "a key 'a' is expected"),
        ({str: [int]}, {"x": [1]}, {"x": [1, "2"]}, r"a whole number is expected at x\[1\]"),
        ([str], [], {}, "a list is expected"),
        ({"a": str}, {"a": ""}, [], "an object is expected"),
        ({"a": ("bio", "iob")}, {"a": "iob"}, {"a": "x"}, "'bio' or 'iob' is expected at a"),
    ],
)
def test_a_schema_says_what_belongs_where(tmp_path, schema, good, bad, sentence):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(good))
    assert read_json(path, schema) == good
    path.write_text(json.dumps(bad))
    with pytest.raises(SeqkitError, match=rf"file\.json is damaged: {sentence}"):
        read_json(path, schema)
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    with pytest.raises(SeqkitError, match=rf"file\.json:2 is damaged: {sentence}"):
        read_json_lines(path, schema)


def test_what_killed_writers_of_a_file_left_is_removed_and_nothing_else(tmp_path):
    from seqkit.files import remove_drafts_of

    for name in (".a.onnx.0a1b.tmp", ".b.onnx.0a1b.tmp", ".a.onnx", "a.onnx"):
        (tmp_path / name).touch()
    remove_drafts_of(tmp_path / "a.onnx")
    assert {path.name for path in tmp_path.iterdir()} == {".b.onnx.0a1b.tmp", ".a.onnx", "a.onnx"}


def test_what_another_process_is_writing_is_not_removed(tmp_path):
    """Two commands with one ``--out``: the second found the file of the first beside its own, and took it away."""
    from seqkit.files import remove_drafts_of, write_atomic

    write_atomic(tmp_path / "a.onnx", b"first", lambda: remove_drafts_of(tmp_path / "a.onnx"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_files_that_belong_together_are_all_written_or_none(tmp_path, monkeypatch):
    from seqkit.files import write_together

    paths = [tmp_path / name for name in "abc"]
    write_together(dict.fromkeys(paths, b"old"))
    sync, synced = os.fsync, []

    def full(handle):
        synced.append(handle)
        if len(synced) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SeqkitError, match=r"cannot write .*c: No space left on device; the one written before is unt"):
        write_together(dict.fromkeys(paths, b"new"))
    assert [path.read_bytes() for path in paths] == [b"old"] * 3
    assert sorted(tmp_path.iterdir()) == paths
