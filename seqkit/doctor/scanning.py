"""One pass over a file of any size, in constant memory: everything that is wrong with it, and which rows to try."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import regex

from seqkit.checks.finding import Finding
from seqkit.data.readers import (
    COLUMNAR,
    FORMATS,
    DataError,
    SourceLocation,
    delimiter_of,
    read_lines,
    read_records,
    shown,
)
from seqkit.doctor.copies import LineRange, LineRanges
from seqkit.doctor.repeats import RepetitionCounter
from seqkit.errors import UsageError

SMALL = 16 << 20
"""Bytes of a file that is tried as a whole; of a larger one rows of a quarter of that are drawn.

Time and memory then stay bounded: 20 MB took 3.5 s and 284 MB without timing, 100 MB 6.7 s and 289 MB, on one thread of
an AMD EPYC.
"""
_LISTED = 10
"""Broken rows that are listed; more are counted."""
_SHOWN = 3
"""Other findings of one kind that are listed."""
_ODD = regex.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|Ã[\u0080-¿]|â€")

ChooseColumns = Callable[[Sequence[str], SourceLocation], tuple[str, ...]]
"""Of the columns of a table, those of the input."""


@dataclass
class Scan:
    """What one pass over a file has found."""

    path: Path
    format: str
    columns: list[str] = field(default_factory=list)
    inputs: tuple[str, ...] = ()
    rows: int = 0
    broken: int = 0
    empty: int = 0
    duplicates: int = 0
    findings: list[Finding] = field(default_factory=list)
    tried_lines: list[LineRange] = field(default_factory=list)
    """Those of the rows to try; none if the whole file is"""
    tried_rows: int = 0

    @property
    def scale(self) -> float:
        """How many rows each row to try represents."""
        return self.rows / self.tried_rows if self.tried_rows else 1.0

    def add(
        self, level: Literal["wrong", "warning", "note"], kind: str, what: str, mend: str, where: object = None
    ) -> None:
        """Adds a finding."""
        self.findings.append(Finding(level, kind, what, mend, None if where is None else str(where)))

    def add_broken(self, error: DataError) -> None:
        """A row that cannot be read; of many, only the first ones are listed."""
        self.broken += 1
        if self.broken <= _LISTED:
            self.findings.append(Finding.of(error))

    def warn(self, kind: str, what: str, mend: str, location: SourceLocation) -> None:
        """Adds a warning, unless there are enough of its kind."""
        if sum(finding.kind == kind for finding in self.findings) < _SHOWN:
            self.add("warning", kind, what, mend, location)


def scan(path: Path, choose: ChooseColumns, seed: int = 0, small: int = SMALL) -> Scan:
    """Reads a file from end to end; a table row by row, anything else line by line.

    Args:
        path: a file of text.
        choose: the input's columns; where it raises :class:`UsageError`, the file is read as lines, and its task will
            know whether it is broken.
        seed: of the rows drawn from a file of more than ``small`` bytes.
    """
    file_format, size = FORMATS.get(path.suffix.lower(), "lines"), path.stat().st_size
    result = Scan(path, file_format)
    columnar = file_format in COLUMNAR
    # What has no lines can't be copied in part.
    rate = min(1.0, small / 4 / max(1, size)) if size > small and not columnar else 1.0
    repeats = RepetitionCounter()
    _check_encoding(result)
    try:
        if file_format != "lines" and _has_columns(path, choose):
            _scan_table(result, choose, repeats, rate, random.Random(seed))
        elif not columnar:
            result.format = "lines"
            _scan_lines(result)
    except (DataError, UsageError) as error:
        result.findings.append(Finding.of(error))
    _add_counts(result)
    _add_repetitions(result, repeats)
    if result.tried_lines and rate < 1:
        what = f"of {result.rows:,} rows, {result.tried_rows:,} were drawn for labels, lengths, coverage and timing"
        result.add("note", "sampled", what, "all were read for the rest", path)
    return result


def _has_columns(path: Path, choose: ChooseColumns) -> bool:
    """Whether the first line names columns, and the input's among them."""
    try:
        first = next(read_records(path, lambda error: None), None)
        return first is not None and bool(choose(list(first.values), SourceLocation(str(path), 1)))
    except UsageError:
        return False
    except DataError:
        # A TSV or JSONL without names may be a format of the task's own; nobody has CSV without names here.
        return path.suffix.lower() == ".csv"


def _check_encoding(result: Scan) -> None:
    with result.path.open("rb") as stream:
        first_line = stream.readline(1 << 16)
    if first_line.startswith(b"\xef\xbb\xbf"):
        result.add("note", "encoding", "UTF-8 with a byte order mark", "it is skipped")
    if result.format == "csv" and delimiter_of(first_line.decode("utf-8", "replace")) == ";":
        result.add("note", "format", "semicolons separate the columns", "nothing to do")


def _scan_lines(result: Scan) -> None:
    for location, line in read_lines(result.path, broken=result.add_broken):
        result.rows += 1
        _check_characters(result, line, location)


def _scan_table(
    result: Scan, choose: ChooseColumns, repeats: RepetitionCounter, rate: float, generator: random.Random
) -> None:
    tried = LineRanges()

    def broken(error: DataError) -> None:
        if error.location:
            tried.begin_row(error.location.line, False)
        result.add_broken(error)

    for location, values in read_records(result.path, broken):
        if not result.columns:
            result.columns = list(values)
            result.inputs = choose(result.columns, SourceLocation(location.file, 1))
            # The header is copied, too; a JSONL has none.
            tried.begin_row(1, result.format != "jsonl")
        drawn = rate >= 1 or generator.random() < rate
        tried.begin_row(location.line, drawn)
        result.rows, result.tried_rows = result.rows + 1, result.tried_rows + drawn
        text = " ".join([values[name] for name in result.inputs]).strip()
        if text:
            repeats.add(text, location.line)
            _check_characters(result, text, location)
        else:
            result.empty += 1
            result.warn("empty", "the input is empty", "fill it in or remove the row", location)
    if rate < 1 or result.broken:
        result.tried_lines = tried.ranges()


def _check_characters(result: Scan, text: str, location: SourceLocation) -> None:
    # Nearly every text passes the first test, which takes a fifth of the time of the search.
    if (text.isascii() and text.isprintable()) or not (match := _ODD.search(text)):
        return
    odd = match.group()
    if odd == "\ufffd":
        what = "U+FFFD stands for a character that could not be read"
    elif len(odd) > 1:
        what = f"{shown(odd)} looks like UTF-8 that was read as Latin-1"
    else:
        what = f"a control character, {shown(odd)}"
    result.warn("characters", what, "export the text again as UTF-8, or mend the row", location)


def _add_counts(result: Scan) -> None:
    """Of the rows that were too many to list."""
    if result.broken > _LISTED:
        others = result.broken - _LISTED
        rows = "one more row" if others == 1 else f"{others:,} more rows"
        result.add("wrong", "broken", f"{rows} cannot be read", "mend them, too", result.path)
    if result.empty > _SHOWN:
        result.add("warning", "empty", f"{result.empty:,} rows have an empty input", "", result.path)


def _add_repetitions(result: Scan, repeats: RepetitionCounter) -> None:
    count, line, original = repeats.result()
    result.duplicates = count
    if count:
        about = f"about {count:,}" if repeats.mask else f"{count:,}"
        what = f"{about} inputs are duplicates, here of line" if count > 1 else "the input is a duplicate of line"
        mend = "remove duplicates unless they are intended"
        result.add("warning", "duplicates", f"{what} {original}", mend, f"{result.path}:{line}")
