"""Rows of bytes in a file of safetensors: written one after the other, read by their number.

The file has two tensors: ``rows``, the bytes of all rows, and ``offsets``, where each begins and the last ends. A row
has the checksum of its bytes in front of it (4 bytes). Rows are read by ``pread``, not through a memory map: the pages
of a map count as memory of the process.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.errors import SeqkitError
from seqkit.files import check_ordinary, flush_to_disk

_HEADER = 512
"""Bytes before the tensors, so that they need not be moved once their sizes are known"""
_SPILLED = 1 << 16
"""Offsets that are held in memory while rows are written"""
_BLOCK = 1 << 20
"""Rows whose offsets are read at a time"""
_READ = 4 << 20
"""Bytes that are read at a time by who reads all rows"""
_CHECKSUM = struct.Struct("<I")


class RowWriter:
    """Writes the rows of a file, in memory that does not grow with them."""

    def __init__(self, path: Path) -> None:
        self.path, self._spill_path = path, path.with_name(f"{path.name}.offsets")
        self._stream, self._spill = path.open("xb"), self._spill_path.open("xb")
        self._stream.write(b" " * _HEADER)
        self._offsets, self._digest = array("q", [0]), hashlib.blake2b(digest_size=16)
        self.count = self.bytes = 0

    def add(self, row: bytes) -> None:
        """Writes one more row."""
        content = _CHECKSUM.pack(zlib.crc32(row)) + row
        self._stream.write(content)
        self._digest.update(content)
        self.count, self.bytes = self.count + 1, self.bytes + len(content)
        self._offsets.append(self.bytes)
        if len(self._offsets) >= _SPILLED:
            self._spill_offsets()

    def close(self) -> dict[str, Any]:
        """Completes the file; returns what the manifest says of it."""
        self._spill_offsets()
        self._spill.close()
        # Offsets are whole numbers of 8 bytes, and begin where one may.
        padded = -self.bytes % 8
        self._stream.write(b"\0" * padded)
        with self._spill_path.open("rb") as offsets:
            shutil.copyfileobj(offsets, self._stream)
        self._spill_path.unlink()
        self._stream.seek(0)
        self._stream.write(_header(self.bytes + padded, self.count))
        flush_to_disk(self._stream)
        self._stream.close()
        facts = {"examples": self.count, "bytes": self.bytes, "digest": self._digest.hexdigest()}
        return {**facts, "size": self.path.stat().st_size}

    def abandon(self) -> None:
        """Closes the file as it is."""
        self._stream.close()
        self._spill.close()

    def _spill_offsets(self) -> None:
        self._spill.write(np.frombuffer(self._offsets, np.int64).astype("<i8").tobytes())
        self._offsets = array("q")


def _header(rows: int, count: int) -> bytes:
    offsets = 8 * (count + 1)
    tensors = {
        "rows": {"dtype": "U8", "shape": [rows], "data_offsets": [0, rows]},
        "offsets": {"dtype": "I64", "shape": [count + 1], "data_offsets": [rows, rows + offsets]},
    }
    return struct.pack("<Q", _HEADER - 8) + json.dumps(tensors).encode().ljust(_HEADER - 8)


class Rows:
    """The rows of a file, each read when it is requested, by any thread.

    Args:
        path: the file.
        count, size, digest: how many rows it has, how many bytes, and the digest of all rows, as the manifest says.

    Raises :class:`SeqkitError` naming the file if it is missing or of another size, :meth:`row` for a row whose bytes
    have changed, and :meth:`all` at the end for rows in another order.
    """

    def __init__(self, path: Path, count: int, size: int, digest: str) -> None:
        self.path, self.count, self._digest = path, count, digest
        try:
            check_ordinary(path)
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise SeqkitError(f"cannot read {path}: {error.strerror or error}; {_AGAIN}") from None
        if (found := os.fstat(self._file).st_size) != size:
            raise SeqkitError(f"{path} has {found:,} bytes, not {size:,} as when it was written; {_AGAIN}")
        self._offsets = size - 8 * (count + 1)
        if self._offsets < _HEADER:
            raise SeqkitError(f"{path} has no room for {count:,} examples; {_AGAIN}")

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def __len__(self) -> int:
        return self.count

    def row(self, number: int) -> bytes:
        """The bytes of a row."""
        start, end = struct.unpack("<qq", os.pread(self._file, 16, self._offsets + 8 * number))
        return self._checked(self._bytes(start, end), number)

    def sizes(self) -> np.ndarray:
        """The bytes of each row, (N) of uint32."""
        sizes = np.empty(self.count, np.uint32)
        for first in range(0, self.count, _BLOCK):
            last = min(self.count, first + _BLOCK)
            sizes[first:last] = np.diff(self._offsets_of(first, last))
        return sizes

    def all(self) -> Iterator[bytes]:
        """All rows in their order, read in large pieces."""
        digest = hashlib.blake2b(digest_size=16)
        for first in range(0, self.count, _SPILLED):
            offsets = self._offsets_of(first, min(self.count, first + _SPILLED)).tolist()
            number = 0
            while number < len(offsets) - 1:
                begin, last = offsets[number], number + 1
                while last < len(offsets) - 1 and offsets[last + 1] - begin <= _READ:
                    last += 1
                content = self._bytes(begin, offsets[last])
                digest.update(content)
                for n in range(number, last):
                    yield self._checked(content[offsets[n] - begin : offsets[n + 1] - begin], first + n)
                number = last
        if digest.hexdigest() != self._digest:
            raise SeqkitError(f"{self.path} has other examples than were written; {_AGAIN}")

    def _bytes(self, start: int, end: int) -> bytes:
        """The bytes between two offsets, none for offsets that are damaged."""
        if not 0 <= start <= end <= self._offsets - _HEADER:
            return b""
        return os.pread(self._file, end - start, _HEADER + start)

    def _offsets_of(self, first: int, last: int) -> np.ndarray:
        content = os.pread(self._file, 8 * (last - first + 1), self._offsets + 8 * first)
        return np.frombuffer(content, "<i8")

    def _checked(self, content: bytes, number: int) -> bytes:
        if len(content) < 4 or _CHECKSUM.unpack_from(content)[0] != zlib.crc32(content[4:]):
            raise SeqkitError(f"{self.path} is damaged at example {number + 1:,}; {_AGAIN}")
        return content[4:]


_AGAIN = "remove the folder, and prepare the data again"
