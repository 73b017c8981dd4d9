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
            "this is no zip archive, though its name says so; rename it, or pack it again", SourceLocation(str(path), 1)
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
    return cast(BinaryIO, lzma.LZMAFile(path))


_OPENERS: dict[str, Callable[[Path], BinaryIO]] = {
    ".gz": _open_gzip,
    ".bz2": _open_bzip2,
    ".xz": _open_xz,
    ".zip": _open_zip,
    ".zst": _open_zstandard,
}
