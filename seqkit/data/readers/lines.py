"""Lines of UTF-8 text, one at a time, whatever the file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

from seqkit.data.readers.location import DataError, SourceLocation
from seqkit.errors import UsageError

MAX_LINE = 500_000
"""Characters of the longest line or field. A longer one is a damaged file far more often than a text."""
_BYTES_OF_A_CHARACTER = 4
"""Of UTF-8, at most"""

Lines = Iterator[tuple[SourceLocation, str]]
"""Lines with their locations"""

Broken = Callable[[DataError], None]
"""Receives the error of a line or row that cannot be read, where reading goes on without it"""


def read_lines(
    source: Path | BinaryIO, name: str | None = None, broken: Broken | None = None
) -> Iterator[tuple[SourceLocation, str]]:
    """The decoded lines of a file or stream without their ends (``\\n`` or ``\\r\\n``; nothing else ends a line).

    A byte order mark of UTF-8 is skipped. Memory is bounded, even for a file without line ends.

    Args:
        source: a file, or a stream of bytes, which is left open.
        name: what locations call the source; None: its own name.
        broken: receives the error of a line that is not text, which is then left out.

    Raises:
        UsageError: for a file that cannot be opened.
        DataError: with the line, for bytes that are not UTF-8 text and for a line above :data:`MAX_LINE`.
    """
    file = name or str(source if isinstance(source, Path) else getattr(source, "name", "<stream>"))
    with _open(source) if isinstance(source, Path) else nullcontext(source) as stream:
        number = 0
        while line := _next_line(stream, SourceLocation(file, number + 1)):
            number += 1
            location = SourceLocation(file, number)
            try:
                text = _decode(line, location).removesuffix("\n").removesuffix("\r")
            except DataError as error:
                # The rest of a line that was cut would be read as lines of their own, so that is always an error.
                report(error, broken if len(line) <= _BYTES_OF_A_CHARACTER * MAX_LINE else None)
                continue
            if len(text) > MAX_LINE:
                raise DataError(
                    f"the line is longer than {MAX_LINE:,} characters; break it up or take it out", location
                )
            yield location, text.removeprefix("\ufeff") if number == 1 else text


def report(error: DataError, broken: Broken | None) -> None:
    """Hands the error on to ``broken``; raises it if there is nobody to receive it."""
    if broken is None:
        raise error
    broken(error)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name a file") from None
    except FileNotFoundError:
        raise UsageError(f"no file {path}{_similar_name(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {str(path)[:200]!r}: {reason}; check the path and who may read it") from None


def _similar_name(path: Path) -> str:
    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.with_name(near[0])}?" if near else "; check the path"


def _next_line(stream: BinaryIO, location: SourceLocation) -> bytes:
    try:
        return stream.readline(_BYTES_OF_A_CHARACTER * MAX_LINE + len(b"\r\n"))
    except OSError as error:
        raise DataError(f"cannot read on: {error.strerror or error}; check the file and its disk", location) from error


def _decode(line: bytes, location: SourceLocation) -> str:
    if location.line == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError("the file is UTF-16, not UTF-8; convert it: iconv -f utf-16 -t utf-8 OLD > NEW", location)
    if b"\0" in line:
        raise DataError("the line has a NUL byte, so this is not a text file; export it again as UTF-8 text", location)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(line) > _BYTES_OF_A_CHARACTER * MAX_LINE:
            raise DataError(f"the line is longer than {MAX_LINE:,} characters; break it up", location) from None
        column = len(line[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"byte {line[error.start]:#04x} at column {column} is not UTF-8; if the file is Latin-1, "
            "convert it: iconv -f latin1 -t utf-8 OLD > NEW",
            location,
        ) from None
