"""Files that are compressed: read as what is inside."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast

from seqkit.data.readers.location import DataError, SourceLocation
from seqkit.errors import missing
from seqkit.files import check_ordinary

DAMAGED = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, RuntimeError, struct.error,
    ValueError,
)  # fmt: skip
"""What reading a damaged or encrypted archive raises."""
_XZ_MEMORY = 256 << 20
"""Bytes that unpacking an .xz may take; the strongest setting of ``xz`` (-9) needs 65 MB, a header can ask for 4 GB."""
_BLOCK = 1 << 16
_NOT_MEMBERS = ("__MACOSX/", ".")
"""What the archives of a Mac have beside the file."""


def format_ending(path: Path) -> str:
    """The ending that says what a file is, in lower case and without that of its compression: ``.csv`` of a.csv.gz."""
    if path.suffix.lower() not in _OPENERS:
        return path.suffix.lower()
    if path.suffix.lower() == ".zip" and path.is_file():
        return PurePath(_member(path)[1].filename).suffix.lower()
    return PurePath(path.stem).suffix.lower()


def is_compressed(path: Path) -> bool:
    """Whether the name says so."""
    return path.suffix.lower() in _OPENERS


def open_bytes(path: Path) -> BinaryIO:
    """A file for reading, decompressed on the way if its name ends in .gz, .bz2, .xz, .zst or .zip.

    Raises :class:`OSError` as ``open`` does and for a pipe or a device, which may never end, unless the shell hands it
    over; :class:`DataError` for an archive that is damaged or does not hold one file, :class:`UsageError` where a
    package is missing.
    """
    check_ordinary(path)
    opener = _OPENERS.get(path.suffix.lower())
    return path.open("rb") if opener is None else opener(path)


def _open_zip(path: Path) -> BinaryIO:
    archive, member = _member(path)
    if member.flag_bits & 1:
        raise DataError(f"{path} is encrypted; unpack it first")
    try:
        return cast(BinaryIO, archive.open(member))
    except DAMAGED as error:
        raise _not_zip(path, error) from None


def _member(path: Path) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
    """The archive and the only file in it."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise DataError(
            "this is not a zip archive, although its name says so; rename it, or pack it again",
            SourceLocation(str(path), 1),
        ) from None
    except (NotImplementedError, RuntimeError, struct.error, ValueError) as error:
        raise _not_zip(path, error) from None
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith(_NOT_MEMBERS)]
    if len(members) != 1:
        raise DataError(f"{path} holds {len(members)} files, and only one can be read; unpack it and name the file")
    return archive, members[0]


def _not_zip(path: Path, error: Exception) -> DataError:
    return DataError(f"this zip archive cannot be unpacked ({error}); pack it again", SourceLocation(str(path), 1))


def _open_zstandard(path: Path) -> BinaryIO:
    try:
        import zstandard
    except ImportError:
        raise missing(f"{path.name}", "zstandard", "zstd") from None
    return cast(BinaryIO, io.BufferedReader(_Zstandard(zstandard.open(path, "rb"), zstandard.ZstdError)))


class _Zstandard(io.RawIOBase):
    """A stream of zstandard, which reads no lines and has an error of its own."""

    def __init__(self, stream: Any, error: type[Exception]) -> None:
        self._stream, self._error = stream, error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            return int(self._stream.readinto(buffer))
        except self._error as error:
            raise OSError(str(error)) from None

    def close(self) -> None:
        self._stream.close()
        super().close()


def _open_gzip(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(path, "rb"))


def _open_bzip2(path: Path) -> BinaryIO:
    return cast(BinaryIO, bz2.BZ2File(path))


def _open_xz(path: Path) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Xz(path)))


class _Xz(io.RawIOBase):
    """What is in an .xz file, one archive after the other; each says how much memory it takes, up to a bound."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._archive = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            content = self._next(len(view))
            if content is None:
                return 0
            if content:
                view[: len(content)] = content
                return len(content)

    def _next(self, most: int) -> bytes | None:
        """The next bytes, which may be none yet; None at the end."""
        if self._archive.eof and not self._begin_next():
            return None
        block = self._rest or (self._file.read(_BLOCK) if self._archive.needs_input else b"")
        self._rest = b""
        if not block and self._archive.needs_input:
            raise EOFError("the compressed file ended before its end mark")
        return self._archive.decompress(block, most)

    def _begin_next(self) -> bool:
        """Whether another archive follows; zeros between them fill up words of four bytes."""
        rest = self._archive.unused_data
        while not (rest := rest.lstrip(b"\0")):
            if not (rest := self._file.read(_BLOCK)):
                return False
        self._archive, self._rest = lzma.LZMADecompressor(memlimit=_XZ_MEMORY), rest
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


_OPENERS: dict[str, Callable[[Path], BinaryIO]] = {
    ".gz": _open_gzip,
    ".bz2": _open_bzip2,
    ".xz": _open_xz,
    ".zip": _open_zip,
    ".zst": _open_zstandard,
}
