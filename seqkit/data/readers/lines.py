"""Lines of text, one at a time, whatever the file holds."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, Protocol

from seqkit.data.readers.compressed import DAMAGED, open_bytes
from seqkit.data.readers.disguises import check_is_text
from seqkit.data.readers.encodings import (
    UTF_8,
    check_encoding,
    encoding_by_mark,
    is_wide,
    likely_encoding,
    mostly_utf_8,
)
from seqkit.data.readers.folders import not_a_file
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.errors import UsageError

MAX_LINE = 500_000
"""Characters of the longest line or field. A longer one is a damaged file far more often than a text."""
_BYTES_OF_A_CHARACTER = 4
"""Of UTF-8, at most"""
_LONGEST = _BYTES_OF_A_CHARACTER * MAX_LINE + len(b"\r\n")
_BLOCK = 1 << 16
"""Bytes that are read at a time where lines do not end with a byte of their own."""
_AROUND = 20
"""Characters on either side of one that an error shows."""

Lines = Iterator[tuple[SourceLocation, str]]
"""Lines with their locations"""

Broken = Callable[[DataError], None]
"""Receives the error of a line or row that cannot be read, where reading continues without it"""


class _ByteLines(Protocol):
    """What lines are read from: a stream, or something that makes one look like the others."""

    def readline(self, limit: int, /) -> bytes:
        """The next line with its end, ``limit`` bytes of it at most; nothing at the end."""
        ...


def read_lines(
    source: Path | BinaryIO, name: str | None = None, broken: Broken | None = None, encoding: str | None = None
) -> Iterator[tuple[SourceLocation, str]]:
    """The decoded lines of a file or stream without their ends.

    A line ends with ``\\n`` or ``\\r\\n``; in a text without any ``\\n``, such as old programs for the Mac write, with
    ``\\r``. The encoding is the one of the byte order mark if there is one, else UTF-8. Compressed files are read as
    what is inside. Memory is bounded, even for a file without line ends.

    Args:
        source: a file, or a stream of bytes, which is left open.
        name: what locations call the source; None: its own name.
        broken: receives the error of a line that is not text, which is then left out.
        encoding: the encoding of the text; None: as above.

    Raises:
        UsageError: for a file that cannot be opened, and an unknown encoding.
        DataError: with the line, for bytes that are not text in the encoding and for a line above :data:`MAX_LINE`.
    """
    file = name or str(source if isinstance(source, Path) else getattr(source, "name", "<stream>"))
    if encoding is not None:
        check_encoding(encoding)
    with _open(source) if isinstance(source, Path) else nullcontext(source) as stream:
        first = _next_line(stream, SourceLocation(file, 1))
        check_is_text(first, SourceLocation(file, 1))
        text_encoding = encoding or encoding_by_mark(first) or UTF_8
        lines, number = _byte_lines(stream, first, text_encoding), 0
        decoder = _Decoder(UTF_8 if is_wide(text_encoding) else text_encoding, source)
        while line := _next_line(lines, location := SourceLocation(file, number + 1)):
            number += 1
            try:
                text = decoder.decode(line, location).removesuffix("\n").removesuffix("\r")
            except DataError as error:
                # The rest of a line that was cut would be read as lines of their own, so that is always an error.
                report(error, broken if len(line) <= _BYTES_OF_A_CHARACTER * MAX_LINE else None)
                continue
            if len(text) > MAX_LINE:
                raise DataError(f"the line is longer than {MAX_LINE:,} characters; break it up or remove it", location)
            yield location, text.removeprefix("\ufeff") if number == 1 else text


def raw_lines(path: Path, encoding: str | None = None) -> Iterator[bytes]:
    """The lines that :func:`read_lines` reads, each with ``\\n`` at its end, before they are decoded.

    Those of UTF-16 and UTF-32 come as UTF-8. Raises as :func:`read_lines` does, for what concerns no single line.
    """
    top = SourceLocation(str(path), 1)
    if encoding is not None:
        check_encoding(encoding)
    with _open(path) as stream:
        first = _next_line(stream, top)
        lines = _byte_lines(stream, first, encoding or encoding_by_mark(first) or UTF_8)
        while line := _next_line(lines, top):
            yield line if line.endswith(b"\n") else line + b"\n"


def report(error: DataError, broken: Broken | None) -> None:
    """Hands the error on to ``broken``; raises it if there is nobody to receive it."""
    if broken is None:
        raise error
    broken(error)


def _open(path: Path) -> BinaryIO:
    try:
        return open_bytes(path)
    except IsADirectoryError:
        raise not_a_file(path) from None
    except FileNotFoundError:
        if path.is_symlink():
            raise UsageError(f"{path} is a link to {path.readlink()}, which is not there; check the link") from None
        raise UsageError(f"no file {path}{_similar_name(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {str(path)[:200]!r}: {reason}; check the path and its permissions") from None


def _similar_name(path: Path) -> str:
    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.with_name(near[0])}?" if near else "; check the path"


def _byte_lines(stream: BinaryIO, first: bytes, encoding: str) -> _ByteLines:
    """The lines of a stream whose first is read already, as bytes that end with ``\\n``."""
    if is_wide(encoding):
        return _Recoded(first, stream, encoding)
    if b"\r" in first and not first.endswith(b"\n"):
        return _CarriageReturns(first, stream)
    return _Lines(first, stream)


class _Lines:
    """A stream with its first line put back."""

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._first, self._stream = first, stream

    def readline(self, limit: int, /) -> bytes:
        if self._first:
            line, self._first = self._first, b""
            return line
        return self._stream.readline(limit)


class _Recoded:
    """UTF-16 and UTF-32 as UTF-8."""

    def __init__(self, first: bytes, stream: BinaryIO, encoding: str) -> None:
        self._first, self._stream, self._encoding = first, stream, encoding
        self._decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), True)
        self._rest = ""

    def readline(self, limit: int, /) -> bytes:
        ended = False
        while "\n" not in self._rest and len(self._rest) < limit and not ended:
            block, self._first = self._first or self._stream.read(_BLOCK), b""
            ended = not block
            try:
                self._rest += self._decoder.decode(block, ended)
            except UnicodeError as error:
                raise _WrongEncoding(f"this is not {self._encoding} ({error.args[-1]}); correct --encoding") from None
        line, end, rest = self._rest[:limit].partition("\n")
        self._rest = rest + self._rest[limit:]
        return (line + end).encode(UTF_8, "surrogatepass")


class _WrongEncoding(Exception):
    """Bytes that are not text in an encoding."""


class _CarriageReturns:
    """Lines that end with ``\\r``."""

    _END = re.compile(rb"\r\n?|\n")

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._stream, self._rest = stream, first

    def readline(self, limit: int, /) -> bytes:
        while True:
            end = self._END.search(self._rest)
            # A \r at the very end of what was read may be the first half of \r\n.
            if end and end.end() < len(self._rest):
                line, self._rest = self._rest[: end.start()], self._rest[end.end() :]
                return line + b"\n"
            block = self._stream.read(_BLOCK) if len(self._rest) < limit else b""
            if not block:
                line, self._rest = self._rest[:limit], self._rest[limit:]
                return self._END.sub(b"\n", line)
            self._rest += block


def _next_line(lines: _ByteLines, location: SourceLocation) -> bytes:
    try:
        return lines.readline(_LONGEST)
    except _WrongEncoding as error:
        raise DataError(str(error), location) from None
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read on: {reason}; check the file and its disk", location) from error


class _Decoder:
    """Bytes of a line to text, with advice where they are in another encoding.

    Args:
        encoding: of the lines.
        source: of which a file has a beginning that another encoding is guessed from.
    """

    def __init__(self, encoding: str, source: Path | BinaryIO) -> None:
        self._encoding, self._source = encoding, source

    def decode(self, line: bytes, location: SourceLocation) -> str:
        """The text of a line; raises :class:`DataError` for what is not text in the encoding."""
        if b"\0" in line:
            raise DataError(self._about_nul(line), location)
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError as error:
            if len(line) > _BYTES_OF_A_CHARACTER * MAX_LINE:
                raise DataError(f"the line is longer than {MAX_LINE:,} characters; break it up", location) from None
            raise DataError(self._about_byte(line, error.start), location) from None

    def _head(self) -> bytes:
        if not isinstance(self._source, Path):
            return b""
        try:
            with _open(self._source) as stream:
                return stream.read(_BLOCK)
        except DAMAGED:  # the line that cannot be read says so when it is reached
            return b""

    def _about_byte(self, line: bytes, start: int) -> str:
        column = len(line[:start].decode(self._encoding, "replace")) + 1
        fault = f"byte {line[start]:#04x} at column {column} is not {self._encoding.upper()}"
        head = self._head()
        if mostly_utf_8(head):
            if self._encoding != UTF_8:
                return f"{fault}, but the file seems to be UTF-8; leave out --encoding"
            # Another encoding would spoil all of the other lines.
            other = line.decode("cp1252", "replace").rstrip("\r\n")
            part = other[max(0, start - _AROUND) : start + _AROUND]
            return f"{fault}, as the other lines are; as cp1252 it reads {shown(part)}: write this line in UTF-8"
        guess = likely_encoding(head + line)
        if guess is None or guess == self._encoding:
            return f"{fault}; say which encoding the file has with --encoding, or convert it to UTF-8"
        before = len(line[:start].decode(guess, "replace"))
        text = line.decode(guess, "replace").rstrip("\r\n")
        part = text[max(0, before - _AROUND) : before + _AROUND]
        return f"{fault}; as {guess} it reads {shown(part)}: if that is correct, give --encoding {guess}"

    def _about_nul(self, line: bytes) -> str:
        guess = likely_encoding(self._head() or line)
        if guess is None:
            return "the line has a NUL byte, so this is not a text file; export it again as UTF-8 text"
        return f"the file is not UTF-8 but seems to be {guess}; give --encoding {guess}"
