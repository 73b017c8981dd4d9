"""Running text of any size: read block by block, cut into contiguous parts, kept as numbers in a memory map."""

from __future__ import annotations

import codecs
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seqkit.data.readers import DataError, SourceLocation, choose_column, read_records
from seqkit.errors import SeqkitError, UsageError

BLOCK = 2**20
"""Bytes that are read at a time"""


@dataclass(frozen=True)
class Corpus:
    """Text files, or texts in memory, end to end under one name."""

    name: str
    files: tuple[Path | bytes, ...]

    def __str__(self) -> str:
        return self.name

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(map(_size, self.files))

    def spans(self, start: int, stop: int) -> Iterator[tuple[Path | bytes, int, int]]:
        """What lies from byte ``start`` to byte ``stop``: each file with the places inside it."""
        for file in self.files:
            size = _size(file)
            if start < size and stop > 0:
                yield file, max(0, start), min(size, stop)
            start, stop = start - size, stop - size

    def boundary(self, offset: int) -> int:
        """The first offset from this one on at which a character begins."""
        for file, start, stop in self.spans(offset, offset + 1):
            with _open(file) as stream:
                stream.seek(start)
                # The later bytes of a character, three at most, begin with the bits 10.
                return offset + next((n for n, byte in enumerate(stream.read(4)) if byte & 0xC0 != 0x80), stop - start)
        return offset


@dataclass(frozen=True)
class Stretch:
    """A contiguous stretch of a corpus, from byte ``start`` to byte ``stop``; it does not hold its text."""

    location: Corpus
    start: int
    stop: int
    characters: int
    digest: str
    """Of its bytes"""

    def __str__(self) -> str:
        return f"bytes {self.start} to {self.stop} of {self.location}"

    def blocks(self) -> Iterator[str]:
        """Its text, piece by piece, cut behind line breaks; a line longer than a few blocks is cut anywhere."""
        held = ""
        for _, text in _decoded(self.location, self.start, self.stop):
            lines, end, held = (held + text).rpartition("\n")
            if end:
                yield lines + end
            elif len(held) > 4 * BLOCK:
                yield held
                held = ""
        if held:
            yield held

    def tail(self, size: int) -> Stretch:
        """The last ``size`` bytes of it, or all."""
        return stretch(self.location, self.location.boundary(max(self.start, self.stop - size)), self.stop)


def stretch(corpus: Corpus, start: int = 0, stop: int | None = None) -> Stretch:
    """That stretch, read once from end to end to see that it is text, to count it and to make its digest.

    Raises :class:`DataError` with file:line for bytes that are not UTF-8, and for a stretch without text.
    """
    stop = corpus.size if stop is None else stop
    characters, digest = 0, hashlib.blake2b(digest_size=16)
    for block, text in _decoded(corpus, start, stop):
        digest.update(block)
        characters += len(text)
    if not characters:
        what = "is empty" if not corpus.size else f"has too little text ({corpus.size:,} bytes) for all its parts"
        raise DataError(f"{corpus} {what}; give more text")
    return Stretch(corpus, start, stop, characters, digest.hexdigest())


def open_corpus(path: Path, notes: list[str]) -> Corpus:
    """A text file, or all text files of a folder and of the folders in it, in the order of their paths.

    A file of a folder is text if its first block has no NUL byte; the others are left out, and ``notes`` is told so.
    Names that begin with a dot are passed over.

    Raises:
        UsageError: for a path that cannot be read.
        DataError: for a folder without text files.
    """
    if not path.is_dir():
        with _open(path):
            return Corpus(str(path), (path,))
    every = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
    files = tuple(p for p in every if _size(p) and _is_text(p))
    if not files:
        raise DataError(f"{path} has no text file in it; name a text file, or a folder with some")
    if len(files) < len(every):
        notes.append(f"{len(every) - len(files):,} of {len(every):,} files are empty or no text and were left out")
    return Corpus(str(path), files)


def column_corpus(path: Path, column: str) -> Corpus:
    """The texts of a column of a table, a row a line, held in memory.

    Raises :class:`UsageError` for a table without the column, and as :func:`~seqkit.data.readers.read_records` does.
    """
    lines: list[str] = []
    for record in read_records(path):
        if not lines:
            choose_column(list(record.values), column, "text", SourceLocation(str(path), 1))
        lines.append(" ".join(record.values[column].split()))
    return Corpus(f"{path}, column {column}", ("\n".join(lines).encode(),))


def contiguous(corpus: Corpus, fractions: Sequence[float]) -> list[Stretch]:
    """The corpus as one stretch for each fraction, in their order, cut where a character begins.

    Raises :class:`DataError` for a stretch without a character.
    """
    size = corpus.size
    ends = [corpus.boundary(int(size * sum(fractions[:n]))) for n in range(1, len(fractions))]
    edges = [0, *ends, size]
    return [stretch(corpus, *edge) for edge in pairwise(edges)]


def memory_map(blocks: Iterable[Sequence[int]], symbols: int) -> np.ndarray:
    """Numbers below ``symbols`` as one array (N), in as few bytes as they need, mapped from a temporary file.

    The file has no name and goes with the process; the variable ``TMPDIR`` says where it lies. Raises
    :class:`SeqkitError` where there is no room for it.
    """
    kind = np.dtype(next(k for k in (np.uint8, np.uint16, np.uint32) if symbols <= np.iinfo(k).max + 1))
    try:
        with tempfile.TemporaryFile() as file:
            for block in blocks:
                file.write(np.asarray(block, dtype=kind).tobytes())
            file.flush()
            return np.memmap(file, kind, "r") if file.tell() else np.zeros(0, kind)
    except OSError as error:
        raise SeqkitError(
            f"cannot keep the text's numbers in {tempfile.gettempdir()}: {error.strerror}; make room, or set TMPDIR "
            "to another folder"
        ) from error


def _decoded(corpus: Corpus, start: int, stop: int) -> Iterator[tuple[bytes, str]]:
    """Blocks with their text; a character that lies in two blocks comes with the second."""
    for file, place, end in corpus.spans(start, stop):
        decoder = codecs.getincrementaldecoder("utf-8")()
        with _open(file) as stream:
            stream.seek(place)
            while place < end and (block := stream.read(min(BLOCK, end - place))):
                if b"\0" in block:
                    at = _line(corpus, file, place + block.index(b"\0"))
                    raise DataError("there is a NUL byte, so this is no text file; give UTF-8 text", at)
                held = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(block, final=place + len(block) == end)
                except UnicodeDecodeError as error:
                    at = _line(corpus, file, place - held + error.start)
                    raise DataError(
                        f"byte {error.object[error.start]:#04x} is not UTF-8; if the file is Latin-1, convert it: "
                        "iconv -f latin1 -t utf-8 OLD > NEW",
                        at,
                    ) from None
                # A byte order mark is no part of a text.
                yield block, text.removeprefix("\ufeff") if place == 0 else text
                place += len(block)


def _line(corpus: Corpus, file: Path | bytes, place: int) -> SourceLocation:
    lines = 1
    with _open(file) as stream:
        while place > 0 and (block := stream.read(min(BLOCK, place))):
            lines += block.count(b"\n")
            place -= len(block)
    return SourceLocation(str(file) if isinstance(file, Path) else corpus.name, lines)


def _size(file: Path | bytes) -> int:
    return len(file) if isinstance(file, bytes) else file.stat().st_size


def _open(file: Path | bytes) -> BinaryIO:
    if isinstance(file, bytes):
        return BytesIO(file)
    try:
        return file.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}; check the path and who may read it") from None


def _is_text(path: Path) -> bool:
    with _open(path) as stream:
        return b"\0" not in stream.read(BLOCK)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
