"""One pass over a file of any size, in constant memory: everything that is wrong with it, and a part of it to try."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
import regex

from seqkit.checks.finding import Finding
from seqkit.data.readers import FORMATS, DataError, SourceLocation, delimiter_of, read_lines, read_records, shown
from seqkit.errors import UsageError

SMALL = 16 << 20
"""Bytes of a file that is tried as a whole; of a larger one a quarter of that is drawn."""
_LISTED = 10
"""Places of one kind that are told; the others are counted."""
_REMEMBERED = 1 << 20
_END = 1 << 62
_ODD = regex.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|Ã[\u0080-¿]|â€")

Choose = Callable[[Sequence[str], SourceLocation], tuple[str, ...]]
"""Of the columns of a table, those of the input."""


class Repeats:
    """Counts texts that come again, in constant memory.

    Up to ``limit`` texts are remembered, by a hash; of more, those of every second hash, every fourth, ...: a sample of
    texts, not of rows, so that a repetition is never torn apart. Then the count is an estimate.
    """

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self.limit, self.mask = limit, 0
        self._keys, self._lines = array("Q"), array("Q")

    def add(self, text: str, line: int) -> None:
        """One more text, and its line."""
        key = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        if key & self.mask:
            return
        self._keys.append(key)
        self._lines.append(line)
        while len(self._keys) > self.limit:
            self.mask = 2 * self.mask + 1
            keys, lines = self._arrays()
            kept = keys & np.uint64(self.mask) == 0
            self._keys, self._lines = array("Q", keys[kept].tobytes()), array("Q", lines[kept].tobytes())

    def found(self) -> tuple[int, tuple[int, int] | None]:
        """How many texts were there before; of the first, its line and the line where it was."""
        keys, lines = self._arrays()
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        if not len(same):
            return 0, None
        first = same[np.argmin(order[same + 1])]
        return len(same) * (self.mask + 1), (int(lines[order[first + 1]]), int(lines[order[first]]))

    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        # Copies: an array whose memory is lent out cannot grow.
        return np.array(self._keys, np.uint64), np.array(self._lines, np.uint64)


@dataclass
class Scan:
    """What one pass found."""

    path: Path
    format: str
    columns: list[str] = field(default_factory=list)
    inputs: tuple[str, ...] = ()
    rows: int = 0
    broken: int = 0
    empty: int = 0
    duplicates: int = 0
    repeats: Repeats = field(default_factory=Repeats)
    findings: list[Finding] = field(default_factory=list)
    kept: list[tuple[int, int]] = field(default_factory=list)
    """Lines, from the first to before the second, of the rows to try; none if the whole file is."""
    kept_rows: int = 0

    @property
    def scale(self) -> float:
        """How many rows stand for each that is tried."""
        return self.rows / self.kept_rows if self.kept_rows else 1.0


def scan(path: Path, choose: Choose, seed: int = 0, small: int = SMALL) -> Scan:
    """Reads a file from end to end; a table row by row, anything else line by line.

    Args:
        path: a file of text.
        choose: the input's columns; where it raises :class:`UsageError`, the file is read as lines: whether it is
            broken then, its task knows.
        seed: of the rows drawn from a file of more than ``small`` bytes.
    """
    kind = FORMATS.get(path.suffix.lower(), "lines")
    size = path.stat().st_size
    found = Scan(path, kind)
    rate = min(1.0, small / 4 / max(1, size)) if size > small else 1.0
    _tell_encoding(found)
    try:
        if kind == "lines" or not _is_told(path, choose):
            found.format = "lines"
            _scan_lines(found)
        else:
            _scan_table(found, choose, rate, random.Random(seed))
    except (DataError, UsageError) as error:
        found.findings.append(Finding.of(error))
    _tell_rows(found, rate)
    return found


def _is_told(path: Path, choose: Choose) -> bool:
    """Whether the first line names columns, and the input's among them."""
    try:
        first = next(read_records(path, lambda error: None), None)
        return first is not None and bool(choose(list(first.values), SourceLocation(str(path), 1)))
    except UsageError:
        return False
    except DataError:
        return path.suffix.lower() == ".csv"


def _tell_encoding(found: Scan) -> None:
    with found.path.open("rb") as stream:
        first = stream.readline(1 << 16)
    if first.startswith(b"\xef\xbb\xbf"):
        found.findings.append(Finding("note", "encoding", "UTF-8 with a byte order mark", "it is skipped"))
    if found.format == "csv" and delimiter_of(first.decode("utf-8", "replace")) == ";":
        found.findings.append(Finding("note", "format", "semicolons separate the columns", "nothing to do"))


def _scan_lines(found: Scan) -> None:
    for location, line in read_lines(found.path, broken=lambda error: _tell_broken(found, error)):
        found.rows += 1
        _look_at(found, line, location)


def _scan_table(found: Scan, choose: Choose, rate: float, generator: random.Random) -> None:
    kept = _Ranges()

    def broken(error: DataError) -> None:
        if error.location:
            kept.begin(error.location.line, False)
        _tell_broken(found, error)

    for location, values in read_records(found.path, broken):
        if not found.columns:
            found.columns = list(values)
            found.inputs = choose(found.columns, SourceLocation(location.file, 1))
            kept.begin(1, found.format != "jsonl")
        keep = rate >= 1 or generator.random() < rate
        kept.begin(location.line, keep)
        found.rows, found.kept_rows = found.rows + 1, found.kept_rows + keep
        text = " ".join([values[name] for name in found.inputs]).strip()
        if text:
            found.repeats.add(text, location.line)
            _look_at(found, text, location)
        else:
            found.empty += 1
            _add(found, "warning", "empty", "the input is empty", "fill it in or take the row out", location)
    if rate < 1 or found.broken:
        found.kept = kept.finished()


class _Ranges:
    """Lines of the rows that are kept, from the first to before the second."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int]] = []
        self._open = 0

    def begin(self, line: int, keep: bool) -> None:
        """A row begins, and so the one before it has ended."""
        if self._open and not keep:
            self._found.append((self._open, line))
            self._open = 0
        elif keep and not self._open:
            self._open = line

    def finished(self) -> list[tuple[int, int]]:
        """All of them."""
        return self._found + ([(self._open, _END)] if self._open else [])


def _tell_broken(found: Scan, error: DataError) -> None:
    found.broken += 1
    if found.broken <= _LISTED:
        found.findings.append(Finding.of(error))


def _look_at(found: Scan, text: str, location: SourceLocation) -> None:
    if not (text.isascii() and text.isprintable()) and (odd := _ODD.search(text)):
        sign = odd.group()
        what = {"\ufffd": "a character that could not be read stands as U+FFFD"}.get(sign)
        if what is None and len(sign) > 1:
            what = f"{shown(sign)} looks like UTF-8 that was read as Latin-1"
        what = what or f"a control character, {shown(sign)}"
        _add(found, "warning", "characters", what, "export the text again as UTF-8, or mend the row", location)


def _add(
    found: Scan, level: Literal["wrong", "warning"], kind: str, what: str, mend: str, location: SourceLocation
) -> None:
    if sum(finding.kind == kind for finding in found.findings) < 3:
        found.findings.append(Finding(level, kind, what, mend, str(location)))


def _tell_rows(found: Scan, rate: float) -> None:
    where = str(found.path)
    if found.broken > _LISTED:
        more = found.broken - _LISTED
        rows = "one more row" if more == 1 else f"{more:,} more rows"
        found.findings.append(Finding("wrong", "broken", f"{rows} cannot be read", "mend that, too", where))
    if found.empty > 3:
        found.findings.append(Finding("warning", "empty", f"{found.empty:,} rows have an empty input", "", where))
    count, example = found.repeats.found()
    found.duplicates = count
    if example is not None:
        line, first = example
        about = f"about {count:,}" if found.repeats.mask else f"{count:,}"
        what = f"{about} repetitions of inputs, here that of line" if count > 1 else "the input is a repetition of line"
        found.findings.append(
            Finding(
                "warning",
                "duplicates",
                f"{what} {first}",
                "take repetitions out unless they are meant",
                f"{found.path}:{line}",
            )
        )
    if found.kept and rate < 1:
        found.findings.append(
            Finding(
                "note",
                "sampled",
                f"of {found.rows:,} rows, {found.kept_rows:,} were drawn for labels, lengths, coverage and timing",
                "all were read for the rest",
                where,
            )
        )


class Copy:
    """Some lines of a file in another, and the way back from its lines to the file's."""

    def __init__(self, original: Path, path: Path, kept: Sequence[tuple[int, int]]) -> None:
        self.original, self.path = original, path
        self.lines = array("q")
        with original.open("rb") as source, path.open("wb") as target:
            for number, line in _chosen(source, kept):
                target.write(line if line.endswith(b"\n") else line + b"\n")
                self.lines.append(number)

    def restored(self, text: str) -> str:
        """What was said about the copy, as said about the file."""
        name = regex.escape(str(self.path))
        placed: str = regex.sub(rf"{name}:(\d+)", lambda m: f"{self.original}:{self._line(int(m[1]))}", text)
        return placed.replace(str(self.path), str(self.original))

    def without(self, line: int, path: Path) -> Copy:
        """Another copy, without the row that begins there in this one."""
        first = self._line(line)
        stop = self._line(self._next_row(line))
        edges = [(number, number + 1) for number in self.lines if not first <= number < max(stop, first + 1)]
        return Copy(self.original, path, _joined(edges))

    def _line(self, number: int) -> int:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else number

    def _next_row(self, line: int) -> int:
        if self.path.suffix.lower() != ".csv":
            return line + 1
        after = (location.line for location, _ in read_records(self.path) if location.line > line)
        return next(after, len(self.lines) + 1)


def _chosen(source: Iterable[bytes], kept: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    ranges = iter(kept)
    start, stop = next(ranges, (_END, _END))
    for number, line in enumerate(source, 1):
        while number >= stop:
            start, stop = next(ranges, (_END, _END))
        if start <= number:
            yield number, line


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, stop in ranges:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found
