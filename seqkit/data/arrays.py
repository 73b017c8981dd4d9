"""Arrays of numpy's files, ``.npy`` and ``.npz``, that anybody may have made: nothing pickled, nothing too large.

What an array needs is known from its header, and is taken only when the file can hold it: 2.3 MB of zip may unfold to
gigabytes, and a header of a hundred bytes may ask for any number of them.
"""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from seqkit.data.readers import DataError
from seqkit.errors import UsageError
from seqkit.files import check_ordinary

_ANY_RATIO = 256 << 20
"""Bytes that an array may unfold to from however few: a mask of a long film is nearly all zeros."""
_MOST_RATIO = 100
"""How many times its packed bytes a larger one may have; features that were measured pack to a half or a tenth."""
_PICKLE = b"\x80"
"""The first byte of the pickles of today's protocols"""
_DAMAGED = (
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError, tokenize.TokenError,
    OverflowError, MemoryError, RecursionError, RuntimeError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What numpy's and zip's readers raise at bytes that nobody foresaw."""


def read_npy(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file; raises :class:`DataError` naming the file if it is not one."""
    return read_arrays(path, ())[""]


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The array of a ``.npy`` file under the name ``""``; of a ``.npz`` file those of ``names`` that it has.

    The content tells the two apart. Raises :class:`UsageError` for a file that is not there, :class:`DataError` naming
    the file for one that is damaged, holds pickled objects, or unfolds to far more than it has.
    """
    with _sentences(path):
        check_ordinary(path)
        with path.open("rb") as stream:
            first = stream.read(4)
            stream.seek(0)
            if first.startswith(b"PK") and names:
                return dict(_members(path, stream, names))
            if first.startswith(_PICKLE):
                raise _pickled(path)
            return {"": _array(path, stream, path.stat().st_size)}


def _members(path: Path, stream: BinaryIO, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    with zipfile.ZipFile(stream) as archive:
        there = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        if names[0] not in there:
            listed = ", ".join(" ".join(name.split()) for name in there) or "nothing"
            raise DataError(f"{path} has no array '{names[0]}' (there is: {listed:.200}); np.savez(file, {names[0]}=…)")
        for name in names:
            if (member := there.get(name)) is None:
                continue
            # zipfile never gives more than the directory promises, so the promise is what has to be bounded.
            if member.file_size > max(_ANY_RATIO, _MOST_RATIO * member.compress_size):
                raise DataError(
                    f"{path} would unfold to {member.file_size >> 20:,} MB, {_MOST_RATIO} times its size and more; "
                    "save it without compression if that is meant"
                )
            with archive.open(member) as packed:
                yield name, _array(path, cast(BinaryIO, packed), member.file_size)


def _array(path: Path, stream: BinaryIO, available: int) -> np.ndarray:
    """The array that a stream of ``available`` bytes holds."""
    shape, fortran, dtype, header = _read_header(stream)
    if dtype.hasobject:
        raise _pickled(path)
    if any(size < 0 for size in shape) or len(shape) > 32:
        raise ValueError(f"its header gives the shape {shape}")
    wanted = math.prod(shape) * dtype.itemsize
    if header + wanted > available:
        raise ValueError(f"its header promises {wanted:,} bytes, but {max(0, available - header):,} follow")
    # Not bytes, for torch takes only what could be written.
    content = bytearray(wanted)
    rest = memoryview(content)
    while len(rest):
        # Typeshed leaves it out, but all that are opened here have it.
        if not (count := cast(Any, stream).readinto(rest)):
            raise EOFError("it is cut short")
        rest = rest[count:]
    array: np.ndarray = np.ndarray(shape, dtype, content, order="F" if fortran else "C")
    if dtype.kind == "U" and _has_no_text(array):
        raise ValueError("its texts have characters that are none")
    return array


def _read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether columns come first, type, and how many bytes the header has."""
    counted = _Counted(stream)
    version = np.lib.format.read_magic(counted)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"its format {version[0]}.{version[1]} is not known")
    # The formats 2 and 3 differ in the encoding of the names of fields, which our arrays do not have.
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        # numpy warns of headers that Python 2 wrote, which it reads all the same.
        warnings.simplefilter("ignore", UserWarning)
        shape, fortran, dtype = read(counted)
    return shape, fortran, dtype, counted.count


class _Counted:
    """A stream that knows how much was read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.count = stream, 0

    def read(self, size: int = -1, /) -> bytes:
        content = self._stream.read(size)
        self.count += len(content)
        return content


def _has_no_text(array: np.ndarray) -> bool:
    """Whether an array of texts has numbers in it that are not characters."""
    numbers = np.frombuffer(array.tobytes(), array.dtype.newbyteorder("=").byteorder + "u4")
    if not array.dtype.isnative:
        numbers = numbers.byteswap()
    return bool(((numbers > 0x10FFFF) | ((numbers >= 0xD800) & (numbers < 0xE000))).any())


def _pickled(path: Path) -> DataError:
    return DataError(
        f"{path} holds pickled objects, which could run any code when they are read, so they are not; save plain "
        "arrays of numbers and texts"
    )


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Any error of the readers inside as one sentence that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"no file {path}; check the path") from None
    except (DataError, UsageError):
        raise
    except _DAMAGED as error:
        reason = (str(getattr(error, "strerror", None) or error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is not an array of numpy ({reason:.200}); save it again") from None
