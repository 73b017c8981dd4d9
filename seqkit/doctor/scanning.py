"""One pass over a file of any size, in constant memory: everything that is wrong with it, and which rows to try."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from seqkit.checks.characters import odd_character
from seqkit.checks.finding import Finding
from seqkit.data.normal_forms import canonical
from seqkit.data.readers import (
    COLUMNAR,
    FORMATS,
    PLAIN,
    DataError,
    FileForm,
    SourceLocation,
    delimiter_in,
    format_ending,
    is_blank,
    read_lines,
    read_records,
)
from seqkit.data.readers.lines import raw_lines
from seqkit.doctor.copies import LineRange, LineRanges
from seqkit.doctor.repeats import RepetitionCounter
from seqkit.errors import SeqkitError, UsageError

SMALL = 16 << 20
"""Bytes of a file that is tried as a whole; of a larger one rows of a quarter of that are drawn.

Time and memory then stay bounded: 20 MB took 2.3 s and 100 MB 4.4 s and 283 MB without timing, on one thread of
an AMD EPYC.
"""
_LISTED = 10
"""Different faults of rows that are listed; the rows with others are counted."""
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

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
    notes: list[str] = field(default_factory=list)
    """What the reader decided"""
    first_row: int = 0
    """The line of a table on which its first row begins; what is above it is not a row"""
    _by_fault: dict[object, int] = field(default_factory=dict)
    """Where the finding of a fault is"""

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
        """A row that cannot be read; of many different faults, only the first ones are listed."""
        self.broken += 1
        self.join(Finding.of(error), _LISTED)

    def join(self, finding: Finding, most: int | None = None) -> None:
        """Adds a finding, or one more place to that of the same fault; there are at most this many of its kind."""
        number = self._by_fault.get(finding.fault)
        if number is not None:
            self.findings[number] = self.findings[number].also_at(finding)
        elif most is None or sum(known.kind == finding.kind for known in self.findings) < most:
            self._by_fault[finding.fault] = len(self.findings)
            self.findings.append(finding)


def scan(path: Path, choose: ChooseColumns, seed: int = 0, small: int = SMALL, form: FileForm = PLAIN) -> Scan:
    """Reads a file from end to end; a table row by row, anything else line by line.

    Args:
        path: a file of text.
        choose: the input's columns; where it raises :class:`UsageError`, the file is read as lines, and its task will
            know whether it is broken.
        seed: of the rows drawn from a file of more than ``small`` bytes.
        form: how the file is written.
    """
    result = Scan(path, "lines")
    repeats = RepetitionCounter()
    rate = 1.0
    try:
        result.format = FORMATS.get(format_ending(path), "lines")
        # An array of JSON is read whole by every reader; that and columns have no lines to draw.
        rate = _rate(path, small) if result.format not in ("json", *COLUMNAR) else 1.0
        _check_form(result, form)
        if result.format == "lines" or not _has_columns(result, choose, form):
            result.format = "lines"
            _scan_lines(result, form)
        else:
            _scan_table(result, choose, repeats, rate, random.Random(seed), form)
    except SeqkitError as error:
        # Where no row can be read, that there is none is no news.
        if not (result.broken and not result.rows):
            result.join(Finding.of(error))
    result.findings += [Finding("note", "reading", note) for note in result.notes]
    _add_counts(result)
    _add_repetitions(result, repeats)
    if result.tried_lines and rate < 1:
        what = f"of {result.rows:,} rows, {result.tried_rows:,} were sampled for labels, lengths, coverage and timing"
        result.add("note", "sampled", what, "all were read for the rest", path)
    return result


def _rate(path: Path, small: int) -> float:
    """The share of the rows that are tried; what a compressed file holds is taken for five times its size."""
    size = path.stat().st_size * (1 if format_ending(path) == path.suffix.lower() else 5)
    return min(1.0, small / 4 / max(1, size)) if size > small else 1.0


def _has_columns(result: Scan, choose: ChooseColumns, form: FileForm) -> bool:
    """Whether the first line names columns, and the input's among them."""
    path = result.path
    rows = read_records(path, lambda error: None, encoding=form.encoding, columns=form.columns)
    # A TSV or JSONL without names may be a format of the task's own; nobody has CSV without names here.
    surely = result.format in ("csv", "json")
    try:
        first = next(rows, None)
        return surely if first is None else bool(choose(list(first.values), SourceLocation(str(path), 1)))
    except UsageError:
        return False
    except DataError:
        return surely


def _check_form(result: Scan, form: FileForm) -> None:
    first_line = next(raw_lines(result.path, form.encoding), b"")
    if first_line.startswith(b"\xef\xbb\xbf"):
        result.add("note", "encoding", "UTF-8 with a byte order mark", "it is skipped")
    if result.format == "csv":
        separator = delimiter_in(read_lines(result.path, encoding=form.encoding, broken=lambda error: None))
        if separator != ",":
            named = _SEPARATORS.get(separator, repr(separator))
            result.add("note", "format", f"{named} separate the columns", "nothing to do")


def _scan_lines(result: Scan, form: FileForm) -> None:
    for location, line in read_lines(result.path, broken=result.add_broken, encoding=form.encoding):
        result.rows += 1
        if found := odd_character(line, location):
            result.join(found)


def _scan_table(
    result: Scan,
    choose: ChooseColumns,
    repeats: RepetitionCounter,
    rate: float,
    generator: random.Random,
    form: FileForm,
) -> None:
    tried = LineRanges()

    def broken(error: DataError) -> None:
        if error.location:
            result.first_row = result.first_row or error.location.line
            tried.begin_row(error.location.line, False)
        result.add_broken(error)

    # The header is copied, too; a JSONL has none.
    tried.begin_row(1, result.format in ("csv", "tsv"))
    rows = read_records(result.path, broken, encoding=form.encoding, columns=form.columns, notes=result.notes)
    for location, values in rows:
        if not result.columns:
            result.columns = list(values)
            result.inputs = choose(result.columns, SourceLocation(location.file, 1))
            result.first_row = result.first_row or location.line
        drawn = rate >= 1 or generator.random() < rate
        tried.begin_row(location.line, drawn)
        result.rows, result.tried_rows = result.rows + 1, result.tried_rows + drawn
        text = " ".join([values[name] for name in result.inputs if name in values]).strip()
        if is_blank(text):
            result.empty += 1
            result.join(
                Finding("warning", "empty", "the input is empty", "fill it in or remove the row", str(location))
            )
            continue
        repeats.add(canonical(text), location.line)
        if found := odd_character(text, location):
            result.join(found)
    if (rate < 1 or result.broken) and result.format != "json":
        result.tried_lines = tried.ranges()


def _add_counts(result: Scan) -> None:
    """Of the rows that were too many to list."""
    listed = sum(1 + finding.others for finding in result.findings if finding.kind == "broken")
    if (others := result.broken - listed) > 0:
        rows = "one more row" if others == 1 else f"{others:,} more rows"
        result.add("wrong", "broken", f"{rows} cannot be read", "fix them, too", result.path)


def _add_repetitions(result: Scan, repeats: RepetitionCounter) -> None:
    count, line, original = repeats.result()
    result.duplicates = count
    if count:
        about = f"about {count:,}" if repeats.mask else f"{count:,}"
        what = f"{about} inputs are duplicates, here of line" if count > 1 else "the input is a duplicate of line"
        mend = "remove duplicates unless they are intended"
        result.add("warning", "duplicates", f"{what} {original}", mend, f"{result.path}:{line}")
