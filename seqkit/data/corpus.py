"""Running text of any size: read block by block, cut into contiguous splits, stored as numbers in a memory map."""

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

from seqkit.data.readers import (
    FORMATS,
    PLAIN,
    DataError,
    FileForm,
    SourceLocation,
    choose_column,
    format_ending,
    read_lines,
    read_records,
)
from seqkit.data.readers.compressed import is_compressed
from seqkit.data.readers.encodings import encoding_by_mark
from seqkit.data.splits import cut_points
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import open_ordinary

BLOCK = 2**20
"""Bytes that are read at a time: a text may be larger than the memory"""


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
        """The bytes from ``start`` to ``stop``: each file that has some of them, with offsets inside it."""
        for file in self.files:
            size = _size(file)
            if start < size and stop > 0:
                yield file, max(0, start), min(size, stop)
            start, stop = start - size, stop - size

    def boundary(self, offset: int) -> int:
        """The first offset, from this one on, at which a character begins."""
        for file, start, _ in self.spans(offset, offset + 1):
            with _open(file) as stream:
                stream.seek(start)
                following = stream.read(4)
            # The later bytes of a character, three at most, begin with the bits 10. Where nothing else follows, the
            # next character is the first of the next file.
            return offset + next((n for n, byte in enumerate(following) if byte & 0xC0 != 0x80), len(following))
        return offset


@dataclass(frozen=True)
class Stretch:
    """A contiguous part of a corpus, from byte ``start`` to byte ``stop``; it does not hold its text."""

    location: Corpus
    start: int
    stop: int
    characters: int
    digest: str
    """Of its bytes"""

    def __str__(self) -> str:
        return f"bytes {self.start} to {self.stop} of {self.location}"

    def blocks(self) -> Iterator[str]:
        """Its text, block by block, cut after line breaks; a line longer than a few blocks is cut anywhere."""
        unfinished = ""
        for _, text in _decoded(self.location, self.start, self.stop):
            lines, end, unfinished = (unfinished + text).rpartition("\n")
            if end:
                yield lines + end
            elif len(unfinished) > 4 * BLOCK:
                yield unfinished
                unfinished = ""
        if unfinished:
            yield unfinished

    def tail(self, size: int) -> Stretch:
        """The last ``size`` bytes of it, or all."""
        return stretch(self.location, self.location.boundary(max(self.start, self.stop - size)), self.stop)


def stretch(corpus: Corpus, start: int = 0, stop: int | None = None) -> Stretch:
    """That stretch, read once from start to stop to check that it is text, to count characters and for its digest.

    Raises :class:`DataError` with file:line for bytes that are not UTF-8, and for a stretch without text.
    """
    stop = corpus.size if stop is None else stop
    characters, digest = 0, hashlib.blake2b(digest_size=16)
    for block, text in _decoded(corpus, start, stop):
        digest.update(block)
        characters += len(text)
    if not characters:
        what = "is empty" if not corpus.size else f"has too little text ({corpus.size:,} bytes) for all splits"
        raise DataError(f"{corpus} {what}; give more text")
    return Stretch(corpus, start, stop, characters, digest.hexdigest())


def open_corpus(path: Path, notes: list[str], encoding: str | None = None) -> Corpus:
    """A text file, or all text files of a folder and of the folders in it, in the order of their paths.

    A file of a folder is text if its first block has no NUL byte; the others are left out, and ``notes`` receives how
    many. Names that begin with a dot are skipped. Compressed files, and those that are not UTF-8 (``encoding`` and byte
    order marks say so), are kept in memory as UTF-8.

    Raises:
        UsageError: for a path that cannot be read.
        DataError: for a folder without text files.
    """
    if not path.is_dir():
        if format_ending(path) in FORMATS:
            notes.append(
                f"{path} is a table, and all of it is read as text, including column names and labels; --text-column "
                "names the column of the texts"
            )
        return Corpus(str(path), (_utf_8(path, encoding),))
    visible = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
    files = tuple(p for p in visible if _size(p) and _is_text(p))
    if not files:
        raise DataError(f"{path} contains no text file; give a text file, or a folder of them")
    if left_out := len(visible) - len(files):
        notes.append(f"{left_out:,} of {len(visible):,} files are empty or not text and were left out")
    return Corpus(str(path), tuple(_utf_8(file, encoding) for file in files))


def _utf_8(path: Path, encoding: str | None) -> Path | bytes:
    """The file, or its text as UTF-8 where its bytes are something else."""
    with _open(path) as stream:
        marked = encoding_by_mark(stream.read(4))
    if encoding is None and marked is None and not is_compressed(path):
        return path
    return "".join(f"{line}\n" for _, line in read_lines(path, encoding=encoding)).encode()


def column_corpus(path: Path, column: str, form: FileForm = PLAIN) -> Corpus:
    """The texts of a column of a table, a row a line, in memory.

    Raises :class:`UsageError` for a table without the column, and as :func:`~seqkit.data.readers.read_records` does.
    """
    lines: list[str] = []
    for record in read_records(path, encoding=form.encoding, columns=form.columns):
        if not lines:
            choose_column(list(record.values), column, "text", SourceLocation(str(path), 1))
        lines.append(" ".join(record.values[column].split()))
    return Corpus(f"{path}, column {column}", ("\n".join(lines).encode(),))


def contiguous(corpus: Corpus, fractions: Sequence[float]) -> list[Stretch]:
    """The corpus as one stretch for each fraction, in their order, cut where a character begins.

    Raises :class:`DataError` for a stretch without a character.
    """
    edges = [0, *map(corpus.boundary, cut_points(corpus.size, fractions)), corpus.size]
    return [stretch(corpus, *edge) for edge in pairwise(edges)]


def memory_map(blocks: Iterable[Sequence[int]], symbols: int) -> np.ndarray:
    """Numbers below ``symbols`` as one array (N), in as few bytes as they need, mapped from a temporary file.

    The file has no name and disappears with the process; the variable ``TMPDIR`` says in which folder it is. Raises
    :class:`SeqkitError` where there is no room for it.
    """
    dtype = np.dtype(next(k for k in (np.uint8, np.uint16, np.uint32) if symbols <= np.iinfo(k).max + 1))
    try:
        with tempfile.TemporaryFile() as file:
            # The map keeps the pages alive after the file is closed; a crash leaves nothing behind.
            for block in blocks:
                file.write(np.asarray(block, dtype=dtype).tobytes())
            file.flush()
            return np.memmap(file, dtype, "r") if file.tell() else np.zeros(0, dtype)
    except OSError as error:
        raise SeqkitError(
            f"cannot keep the text's numbers in {tempfile.gettempdir()}: {error.strerror}; free some space, or set "
            "TMPDIR to another folder"
        ) from error


def _decoded(corpus: Corpus, start: int, stop: int) -> Iterator[tuple[bytes, str]]:
    """Blocks with their text; a character that lies in two blocks comes with the second."""
    for file, offset, end in corpus.spans(start, stop):
        decoder = codecs.getincrementaldecoder("utf-8")()
        with _open(file) as stream:
            stream.seek(offset)
            while offset < end and (block := stream.read(min(BLOCK, end - offset))):
                if b"\0" in block:
                    _report_as_lines(file)
                    at = _line(corpus, file, offset + block.index(b"\0"))
                    raise DataError("there is a NUL byte, so this is not a text file; give UTF-8 text", at)
                waiting = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(block, final=offset + len(block) == end)
                except UnicodeDecodeError as error:
                    _report_as_lines(file)
                    at = _line(corpus, file, offset - waiting + error.start)
                    raise DataError(
                        f"byte {error.object[error.start]:#04x} is not UTF-8; give its encoding with --encoding",
                        at,
                    ) from None
                # A byte order mark is not part of the text.
                yield block, text.removeprefix("\ufeff") if offset == 0 else text
                offset += len(block)


def _report_as_lines(file: Path | bytes) -> None:
    """Raises what reading the file line by line stops at: with its line, and the most likely encoding."""
    for _ in read_lines(file) if isinstance(file, Path) else ():
        pass


def _line(corpus: Corpus, file: Path | bytes, offset: int) -> SourceLocation:
    """The line that the byte at ``offset`` is on."""
    lines = 1
    with _open(file) as stream:
        while offset > 0 and (block := stream.read(min(BLOCK, offset))):
            lines += block.count(b"\n")
            offset -= len(block)
    return SourceLocation(str(file) if isinstance(file, Path) else corpus.name, lines)


def _size(file: Path | bytes) -> int:
    return len(file) if isinstance(file, bytes) else file.stat().st_size


def _open(file: Path | bytes) -> BinaryIO:
    if isinstance(file, bytes):
        return BytesIO(file)
    try:
        return open_ordinary(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}; check the path and its permissions") from None


def _is_text(path: Path) -> bool:
    with _open(path) as stream:
        block = stream.read(BLOCK)
    return b"\0" not in block or encoding_by_mark(block) is not None or is_compressed(path)


def _hidden(path: Path) -> bool:
    return any(name.startswith(".") for name in path.parts)
