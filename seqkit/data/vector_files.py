"""Files of word vectors: lines of text as GloVe, word2vec and fastText write them, gzipped or not, or safetensors."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import torch
from safetensors.torch import load, save
from torch import Tensor

from seqkit.data.readers import DataError, Lines, SourceLocation, read_lines, shown
from seqkit.data.safetensors_files import read_safetensors
from seqkit.errors import UsageError
from seqkit.files import read_ordinary, remove_drafts_of, write_atomic

_LARGEST = torch.finfo(torch.float32).max
_BETWEEN = "\0"
"""Between words in a safetensors file: no text has it"""
ENDINGS = (".txt", ".vec", ".txt.gz", ".vec.gz", ".safetensors")


class VectorRow(NamedTuple):
    """A word with its vector, and where it is."""

    location: SourceLocation
    word: str
    values: Sequence[float]


def read_vector_rows(path: Path, check_width: Callable[[int, SourceLocation], None]) -> Iterator[VectorRow]:
    """The rows of a file of vectors, one at a time; the ending of its name decides the format.

    Text has lines ``word v1 v2 …``; a first line ``count size`` is skipped; ``.gz`` is unpacked. ``.safetensors`` has
    the tensors that :func:`write_vectors` writes.

    Args:
        path: the file.
        check_width: is called once, with the size of the vectors; raises if it is of no use.

    Raises:
        DataError: with the line, for a row that is malformed, of another width, or not finite; for a file of
            safetensors that has other tensors.
        UsageError: for a file that cannot be opened.
    """
    if path.suffix == ".safetensors":
        words, matrix = _read_safetensors(path)
        place = SourceLocation(str(path), 1)
        check_width(matrix.shape[1], place)
        return (VectorRow(place, word, row) for word, row in zip(words, matrix.tolist(), strict=True))
    return _read_text(_lines(path), check_width)


def load_vectors(path: Path) -> tuple[list[str], Tensor]:
    """All words of a file (V) and their vectors (V, E); of words that are there twice, the first."""
    rows: dict[str, Sequence[float]] = {}
    for _, word, values in read_vector_rows(path, lambda width, location: None):
        rows.setdefault(word, values)
    if not rows:
        raise DataError(f"{path} has no vectors in it; check the file")
    return list(rows), torch.tensor(list(rows.values()), dtype=torch.float32)


def load_words(path: Path) -> list[str]:
    """The words of a file of vectors, in its order."""
    return [row.word for row in read_vector_rows(path, lambda width, location: None)]


def write_vectors(path: Path, words: Sequence[str], matrix: Tensor) -> None:
    """Writes vectors (V, E) of words without spaces; the ending of the name decides the format, see :data:`ENDINGS`.

    ``.vec`` begins with a line ``count size``. Raises :class:`UsageError` for another ending.
    """
    check_ending(path)
    remove_drafts_of(path)
    if path.suffix == ".safetensors":
        names = torch.frombuffer(bytearray(_BETWEEN.join(words).encode()), dtype=torch.uint8)
        write_atomic(path, save({"vectors": matrix.contiguous(), "words": names}))
        return
    lines = [f"{word} {' '.join(f'{value:.5g}' for value in row)}\n" for word, row in _rows(words, matrix)]
    header = f"{len(words)} {matrix.shape[1]}\n" if ".vec" in path.suffixes else ""
    content = (header + "".join(lines)).encode()
    # Without the time of day, so that the same vectors give the same bytes.
    write_atomic(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def check_ending(path: Path) -> None:
    """Raises :class:`UsageError` for a name that says no format."""
    if not path.name.endswith(ENDINGS):
        raise UsageError(f"cannot tell the format of {path} by its ending; name it with one of {', '.join(ENDINGS)}")


def _rows(words: Sequence[str], matrix: Tensor) -> Iterator[tuple[str, list[float]]]:
    return zip(words, matrix.tolist(), strict=True)


def _read_safetensors(path: Path) -> tuple[list[str], Tensor]:
    tensors = read_safetensors(path, load)
    try:
        names, matrix = tensors["words"], tensors["vectors"]
        words = bytes(names.numpy()).decode().split(_BETWEEN)
    except (KeyError, UnicodeDecodeError, TypeError, ValueError, RuntimeError) as error:
        detail = " ".join(str(error).split())
        raise DataError(f"{path} is not a file of vectors ({detail:.200}); make one with `seqkit vectors`") from None
    floats = matrix.is_floating_point() and matrix.dim() == 2
    if not floats or len(matrix) != len(words) or not matrix.shape[1] or not matrix.isfinite().all():
        raise DataError(f"{path} must have a finite vector for each of its {len(words):,} words; make it again")
    return words, matrix.float()


class _Unpacked:
    """A gzipped file whose faults are faults of reading, as those of any other file."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def readline(self, limit: int = -1) -> bytes:
        try:
            return self.stream.readline(limit)
        except (EOFError, zlib.error) as error:
            raise OSError(f"the gzip file is cut short or damaged ({error})") from error


def _lines(path: Path) -> Lines:
    if path.suffix != ".gz":
        return read_lines(path)
    try:
        packed = read_ordinary(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from None
    stream = _Unpacked(cast(BinaryIO, gzip.GzipFile(fileobj=BytesIO(packed))))
    return read_lines(cast(BinaryIO, stream), str(path))


def _read_text(lines: Lines, check_width: Callable[[int, SourceLocation], None]) -> Iterator[VectorRow]:
    width: int | None = None
    for location, line in lines:
        if not line.strip():
            continue
        fields = line.rstrip().split(" ")
        if location.line == 1 and len(fields) == 2 and all(field.isdecimal() and len(field) < 12 for field in fields):
            width = _checked(int(fields[1]), check_width, location)
            continue
        if width is None:
            width = _checked(len(fields) - 1, check_width, location)
        yield VectorRow(location, *_parse(fields, width, location))


def _checked(width: int, check: Callable[[int, SourceLocation], None], location: SourceLocation) -> int:
    if width < 1:
        raise DataError("no numbers after the word; write: word v1 v2 …", location)
    check(width, location)
    return width


def _parse(fields: list[str], width: int, location: SourceLocation) -> tuple[str, list[float]]:
    if len(fields) < width + 1:
        raise DataError(f"the row has {len(fields) - 1} values, expected {width}; correct it or remove it", location)
    # Some files have words with spaces inside, so the values are counted from the end.
    word = " ".join(fields[:-width])
    try:
        if len(fields) > width + 1 and _is_number(fields[-width - 1]):
            raise DataError(
                f"the row has {len(fields) - 1} values, expected {width}; correct it or remove it", location
            )
        values = [float(field) for field in fields[-width:]]
    except ValueError:
        wrong = next(field for field in fields[-width:] if not _is_number(field))
        raise DataError(
            f"{shown(wrong)} is not a number, and a vector is made of numbers; correct the row", location
        ) from None
    if not word or not all(abs(number) <= _LARGEST for number in values):
        raise DataError("the row lacks a word or has a value that is not finite; correct it or remove it", location)
    return word, values


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
