"""The index of a file: where each row begins, kept in the user's cache folder.

It is trusted as long as the file has the size and the time of its last change, and the index the checksums of when it
was made; else the file is looked through again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.data.indexed.heads import RowHead
from seqkit.data.indexed.scan import RowScan
from seqkit.errors import SeqkitError
from seqkit.files import flush_to_disk, open_ordinary, read_json, signed, temporary_beside, without_digest
from seqkit.machine import cache_home
from seqkit.schema import Whole

_FORMAT = 2
_MANY = 2**62
_FACTS = "index.json"
_OFFSETS, _LINES = "offsets", "lines"
_SCHEMA = {
    "format": int, "path": str, "size": Whole(0, _MANY), "modified": int, "count": Whole(0, _MANY), "content": str,
    _OFFSETS: Whole(0, 2**32 - 1), _LINES: Whole(0, 2**32 - 1),
}  # fmt: skip
_BLOCK = 1 << 20
"""Rows whose sizes are computed at a time"""
_PIECE = 4 << 20
"""Bytes of an index that are checked at a time"""


class RowIndex:
    """The rows of a file, read by their numbers, by any thread.

    Args:
        path: the file.
        folder: of the index.
        facts: what it says of the file.

    Raises :class:`SeqkitError` where the two do not belong together.
    """

    def __init__(self, path: Path, folder: Path, facts: dict[str, Any]) -> None:
        self.path, self.folder, self.digest = path, folder, str(facts["content"])
        self._count, self._size = int(facts["count"]), int(facts["size"])
        self._file = self._offsets = self._lines = -1
        try:
            self._file, self._offsets, self._lines = (
                os.open(each, os.O_RDONLY) for each in (path, folder / _OFFSETS, folder / _LINES)
            )
        except OSError as error:
            raise SeqkitError(f"cannot read {error.filename}: {error.strerror or error}; {_AGAIN}") from None
        if os.fstat(self._offsets).st_size != 8 * self._count or os.fstat(self._lines).st_size != 8 * self._count:
            raise SeqkitError(f"{folder} is damaged; remove it")

    def __del__(self) -> None:
        for file in (self._file, self._offsets, self._lines):
            if file >= 0:
                os.close(file)

    def __len__(self) -> int:
        return self._count

    def row(self, number: int) -> bytes:
        """The bytes of a row, with its line break."""
        stored = os.pread(self._offsets, 16, 8 * number)
        start = int.from_bytes(stored[:8], "little")
        end = int.from_bytes(stored[8:], "little") if len(stored) == 16 else self._size
        content = os.pread(self._file, end - start + 1, start - 1) if start else b"\n" + os.pread(self._file, end, 0)
        if len(content) != end - start + 1 or (content[0] != _NEWLINE and start > _MARK):
            raise SeqkitError(f"{self.path} is no longer as it was when {self.folder} was made; restore it")
        return content[1:]

    def line(self, number: int) -> int:
        """The line at which a row begins, from 1."""
        line: int = struct.unpack("<q", os.pread(self._lines, 8, 8 * number))[0]
        return line

    def sizes(self) -> np.ndarray:
        """The bytes of each row, (N) of uint32."""
        sizes = np.empty(self._count, np.uint32)
        for first in range(0, self._count, _BLOCK):
            last = min(self._count, first + _BLOCK)
            offsets = np.frombuffer(os.pread(self._offsets, 8 * (last - first + 1), 8 * first), "<i8")
            end = [] if len(offsets) > last - first else [self._size]
            sizes[first:last] = np.diff(np.append(offsets, end).astype(np.int64))
        return sizes


_NEWLINE = ord("\n")
_MARK = len(b"\xef\xbb\xbf")
"""A first row may have a byte order mark in front of it"""
_AGAIN = "check the path and its permissions"


def row_index(path: Path, head: RowHead, progress: Callable[[int], None] = lambda size: None) -> RowIndex:
    """The index of a file, made if there is none that fits; one process makes it, and others wait for it.

    Raises as :class:`~seqkit.data.indexed.scan.RowScan` does, and :class:`SeqkitError` where it cannot be kept.
    """
    path = path.absolute()
    name = hashlib.blake2b(repr((str(path), head.first, head.delimiter)).encode(), digest_size=16).hexdigest()
    try:
        folder = cache_folder() / name
        cache_folder().mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            facts = _fitting(path, folder)
            return RowIndex(path, folder, facts or _make(path, head, folder, progress))
    except OSError as error:
        where = f"{error.filename or 'the cache'}: {error.strerror or error}"
        raise SeqkitError(
            f"the index of {path} cannot be kept in {where}; free some space, or set XDG_CACHE_HOME"
        ) from None


def cache_folder() -> Path:
    """Where indexes lie: ``seqkit/indexes`` in ``XDG_CACHE_HOME``, or in ``~/.cache``."""
    return cache_home() / "seqkit" / "indexes"


def _state(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {"format": _FORMAT, "path": str(path), "size": found.st_size, "modified": found.st_mtime_ns}


def _fitting(path: Path, folder: Path) -> dict[str, Any] | None:
    """What the index that is there says, if it is of the file as it is."""
    try:
        facts: dict[str, Any] = without_digest(read_json(folder / _FACTS, _SCHEMA), folder / _FACTS)
        if any(facts[name] != value for name, value in _state(path).items()):
            return None
        whole = all(_checksum(folder / name, 8 * facts["count"]) == facts[name] for name in (_OFFSETS, _LINES))
    except (OSError, SeqkitError):
        return None
    return facts if whole else None


def _checksum(path: Path, size: int) -> int | None:
    """Of a file; None for one of another size."""
    checksum = 0
    with open_ordinary(path) as stream:
        if os.fstat(stream.fileno()).st_size != size:
            return None
        while piece := stream.read(_PIECE):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def _make(path: Path, head: RowHead, folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    for left in folder.parent.glob(f".{folder.name}.*.tmp"):
        # Of a process that was killed: only one makes this index at a time.
        _remove(left)
    draft = temporary_beside(folder)
    draft.mkdir()
    try:
        state = _state(path)
        scan = RowScan(path, head.first, head.line, head.delimiter, progress=progress)
        facts = {**state, **_write(scan, draft), "content": scan.digest}
        (draft / _FACTS).write_bytes(signed(facts))
        _remove(folder)
        draft.rename(folder)
    finally:
        _remove(draft)
    return facts


def _write(scan: RowScan, draft: Path) -> dict[str, int]:
    """Writes where rows begin; returns their number, and the checksums of both files."""
    facts = {"count": 0, _OFFSETS: 0, _LINES: 0}
    with (draft / _OFFSETS).open("wb") as offsets, (draft / _LINES).open("wb") as lines:
        for starts in scan:
            for name, stream, numbers in ((_OFFSETS, offsets, starts.offsets), (_LINES, lines, starts.lines)):
                content = numbers.astype("<i8").tobytes()
                stream.write(content)
                facts[name] = zlib.crc32(content, facts[name])
            facts["count"] += len(starts.offsets)
        flush_to_disk(offsets)
        flush_to_disk(lines)
    return facts


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # For both: a pipe that is only written to waits for its reader.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
