"""Readers of people's files: CSV, TSV and JSONL, streamed line by line, with the location of all that is wrong."""

from __future__ import annotations

import csv
import json
import math
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from seqkit.errors import SeqkitError, UsageError

MAX_LINE = 500_000
"""Characters in the longest line or field that is read; a longer one is a broken file far more often than a text."""

FORMATS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""Endings of the names of tables, and what they mean."""
_OBVIOUS = {
    "text": [
        "text",
        "sentence",
        "review",
        "content",
        "comment",
        "body",
        "message",
        "document",
        "tweet",
        "phrase",
        "title",
    ],
    "label": ["label", "sentiment", "class", "category", "target", "rating", "stars", "tag", "y"],
    "weight": [],
}
LARGEST_WEIGHT = 1e30
"""A weight is below it."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = 80


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class DataError(SeqkitError):
    """Something in a data file is wrong."""

    def __init__(self, message: str, location: SourceLocation | None = None) -> None:
        self.location = location
        super().__init__(f"{location}: {message}" if location else message)


Lines = Iterator[tuple[SourceLocation, str]]
"""Lines, and where each stands."""

Broken = Callable[[DataError], None]
"""Is given what is wrong with one line or row of a file."""


def shown(text: str) -> str:
    """What a file says, as an error may quote it: in quotes, on one line, cut when long."""
    return _SHORT.repr(text)


class Record(NamedTuple):
    """One row: column name to value, and where the row starts."""

    location: SourceLocation
    values: dict[str, str]


@dataclass(frozen=True)
class Example:
    """A text with its label, and its weight in the loss."""

    text: str
    label: str
    location: SourceLocation
    weight: float = 1.0


def read_lines(
    source: Path | BinaryIO, name: str | None = None, broken: Broken | None = None
) -> Iterator[tuple[SourceLocation, str]]:
    """The decoded lines of a file or stream without their ends (``\\n`` or ``\\r\\n``; nothing else ends a line).

    A byte order mark of UTF-8 is skipped. Memory stays bounded whatever the file holds. Raises :class:`UsageError` for
    a file that cannot be opened and :class:`DataError` with the line for bytes that are no text; ``broken`` is given
    the error, instead, and the line is left out. A stream is left open.
    """
    file = name or str(source if isinstance(source, Path) else getattr(source, "name", "<stream>"))
    with _open(source) if isinstance(source, Path) else nullcontext(source) as stream:
        number = 0
        while line := _read_on(stream, SourceLocation(file, number + 1)):
            number += 1
            location = SourceLocation(file, number)
            try:
                text = _decode(line, location).removesuffix("\n").removesuffix("\r")
            except DataError as error:
                _tell(error, broken if len(line) <= 4 * MAX_LINE else None)
                continue
            if len(text) > MAX_LINE:
                raise DataError(
                    f"the line is longer than {MAX_LINE:,} characters; break it up or take it out", location
                )
            yield location, text.removeprefix("\ufeff") if number == 1 else text


def read_records(path: Path, broken: Broken | None = None, stream: BinaryIO | None = None) -> Iterator[Record]:
    """The rows of a table with named columns, one at a time; the file's ending tells its format.

    With a ``stream`` the bytes come from there, and the path is but their name.

    ``.csv``: commas (or semicolons, if the first line has no comma), quotes as in RFC 4180. ``.tsv``, ``.tab``:
    a tab separates, a line is a row, quotes are ordinary characters. ``.jsonl``, ``.ndjson``: an object a line.
    Blank lines are skipped. Raises :class:`DataError` with file:line for whatever breaks these rules; where only one
    row is wrong, ``broken`` is given the error, instead, and the row is left out.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(FORMATS)
        raise UsageError(f"cannot tell the format of {path} by its ending; name it with one of {known}")
    lines = read_lines(stream or path, str(path), broken)
    return _read_json(path, lines, broken) if kind == "jsonl" else _read_table(path, kind, lines, broken)


def read_examples(
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    keep: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
    weight_column: str | None = None,
) -> list[Example]:
    """Labelled texts, stripped of outer white space.

    Args:
        path: a file that :func:`read_records` reads.
        text_column: the column of the text; None: guessed when its name is an obvious one. ``label_column`` likewise.
        keep: only rows whose columns have these values.
        names: other names for labels.
        notes: is given a sentence about rows that were left out because they have no text, or a weight of 0.
        weight_column: the column of the weights; None: every weight is 1.
    """
    examples: list[Example] = []
    empty: list[SourceLocation] = []
    weightless: list[SourceLocation] = []
    columns: tuple[str, str] | None = None
    for location, values in read_records(path):
        if columns is None:
            header = SourceLocation(location.file, 1)
            text_name = choose_column(list(values), text_column, "text", header)
            columns = text_name, choose_column(list(values), label_column, "label", header)
            if weight_column is not None:
                choose_column(list(values), weight_column, "weight", header)
            _check_kept(keep or {}, values, header)
        if any(values.get(column) != value for column, value in (keep or {}).items()):
            continue
        text, label = (values[column].strip() for column in columns)
        if not label:
            raise DataError(f"column {shown(columns[1])} is empty; give the row a label or take it out", location)
        weight = 1.0 if weight_column is None else parse_weight(values[weight_column], weight_column, location)
        if not text:
            empty.append(location)
        elif not weight:
            weightless.append(location)
        else:
            examples.append(Example(text, (names or {}).get(label, label), location, weight))
    if not examples and weightless:
        raise nothing_weighs(weight_column, path)
    if not examples and not empty:
        wanted = " and ".join(f"{shown(column)} is {shown(value)}" for column, value in (keep or {}).items())
        raise DataError(f"{path}: there is no row where {wanted}; check the value")
    if not examples:
        raise DataError(f"{path}: every text is empty; check the file, or name the text's column with --text-column")
    if notes is not None:
        notes.extend(left_out(empty, "without text"))
        notes.extend(left_out(weightless, "with a weight of 0"))
    return examples


def parse_weight(text: str, column: str, location: SourceLocation) -> float:
    """The weight that a row has in a column; raises :class:`DataError` unless it is a number of 0 or more."""
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    # Sums of larger ones overflow in float32; a comparison with NaN is false.
    if not 0 <= weight < LARGEST_WEIGHT:
        what = f"is {shown(text.strip())}" if text.strip() else "is empty"
        raise DataError(f"column {shown(column)} {what}, but a weight is a number of 0 or more; mend it", location)
    return weight


def nothing_weighs(column: str | None, path: Path) -> DataError:
    """The error for a file in which every weight is 0."""
    return DataError(f"{path}: every weight in column {shown(column or '')} is 0; give some rows a weight above 0")


def left_out(rows: Sequence[SourceLocation], why: str) -> Iterator[str]:
    """A sentence about the rows that were left out, if there are any."""
    if rows:
        count = f"1 row {why} was" if len(rows) == 1 else f"{len(rows):,} rows {why} were"
        yield f"{count} left out, the first at {rows[0]}"


def choose_column(
    columns: Sequence[str], wanted: str | None, kind: Literal["text", "label", "weight"], location: SourceLocation
) -> str:
    """The column of that name, or the one whose name obviously means a text or a label; weights are never guessed.

    Raises :class:`UsageError` with the columns there are and the option that names one.
    """
    there = f"the columns are {_listed(columns)}"
    if wanted is not None:
        if wanted in columns:
            return wanted
        folded = {column.lower(): column for column in columns}
        near = get_close_matches(wanted.lower(), folded, n=1)
        hint = f"did you mean --{kind}-column {shown(folded[near[0]])}?" if near else f"name one with --{kind}-column"
        raise UsageError(f"{location}: no column {shown(wanted)} ({there}); {hint}")
    lower = {column.lower().strip(): column for column in reversed(columns)}
    for name in _OBVIOUS[kind]:
        if name in lower:
            return lower[name]
    raise UsageError(
        f"{location}: cannot tell which column holds the {kind} ({there}); the first line must name the columns, "
        f"--{kind}-column says which"
    )


def _listed(columns: Sequence[str]) -> str:
    few = ", ".join(column if column.isprintable() and len(column) < 40 else shown(column) for column in columns[:20])
    return few if len(columns) <= 20 else f"{few} and {len(columns) - 20} more"


def _check_kept(keep: Mapping[str, str], values: Mapping[str, str], location: SourceLocation) -> None:
    for column in keep:
        if column not in values:
            raise UsageError(f"{location}: no column {shown(column)} to select rows by, only {_listed(list(values))}")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name a file") from None
    except FileNotFoundError:
        raise UsageError(f"no file {path}{_neighbour(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {str(path)[:200]!r}: {reason}; check the path and who may read it") from None


def _read_on(stream: BinaryIO, location: SourceLocation) -> bytes:
    try:
        return stream.readline(4 * MAX_LINE + 2)  # a character takes at most four bytes
    except OSError as error:
        raise DataError(f"cannot read on: {error.strerror or error}; check the file and its disk", location) from error


def _neighbour(path: Path) -> str:
    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.with_name(near[0])}?" if near else "; check the path"


def _decode(line: bytes, location: SourceLocation) -> str:
    if location.line == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError("the file is UTF-16, not UTF-8; convert it: iconv -f utf-16 -t utf-8 OLD > NEW", location)
    if b"\0" in line:
        raise DataError("the line has a NUL byte, so this is no text file; export it again as UTF-8 text", location)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(line) > 4 * MAX_LINE:
            raise DataError(f"the line is longer than {MAX_LINE:,} characters; break it up", location) from None
        column = len(line[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"byte {line[error.start]:#04x} at column {column} is not UTF-8; if the file is Latin-1, "
            "convert it: iconv -f latin1 -t utf-8 OLD > NEW",
            location,
        ) from None


def _tell(error: DataError, broken: Broken | None) -> None:
    if broken is None:
        raise error
    broken(error)


def _read_table(path: Path, kind: str, lines: Lines, broken: Broken | None = None) -> Iterator[Record]:
    rows = _csv_rows(path, lines, broken) if kind == "csv" else _tsv_rows(lines)
    first = next(rows, None)
    if first is None:
        raise DataError("the file is empty", SourceLocation(str(path), 1))
    location, header = first
    header = [name.strip() for name in header]
    for name in header:
        if not name or header.count(name) > 1:
            what = f"two columns are called {shown(name)}" if name else "a column has no name"
            raise DataError(f"{what}; the first line must name each column once", location)
    some = False
    for at, fields in rows:
        some = True
        if len(fields) != len(header):
            what = f"{len(fields)} fields, but the first line names {len(header)} columns; mend the row"
            _tell(DataError(what, at), broken)
            continue
        yield Record(at, dict(zip(header, fields, strict=True)))
    if not some:
        raise DataError("the file has a header but no rows", location)


def _tsv_rows(lines: Lines) -> Iterator[tuple[SourceLocation, list[str]]]:
    for location, line in lines:
        if line.strip():
            yield location, line.split("\t")


def _csv_rows(path: Path, lines: Lines, broken: Broken | None = None) -> Iterator[tuple[SourceLocation, list[str]]]:
    """Rows with the line each starts at; a runaway quote is caught before it swallows the file."""
    at = SourceLocation(str(path), 1)
    held = 0

    def feed() -> Iterator[str]:
        nonlocal at, held
        for location, line in lines:
            at = location if not held else at
            held += len(line) + 1
            if held > MAX_LINE:
                raise DataError(f"the row runs on for {MAX_LINE:,} characters: is a closing quote missing?", at)
            yield line + "\n"

    fed = feed()
    first = next(fed, None)
    if first is None:
        return
    # The start is set again by each row's first line, since `held` is 0 between rows.
    reader = csv.reader(_chain(first, fed), delimiter=delimiter_of(first), strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            what = f"the quoting is broken ({error}); a quote inside quotes is written twice"
            _tell(DataError(what, at), broken)
            held = 0
            continue
        if fields is None:
            return
        held = 0
        if "".join(fields).strip():
            yield at, fields


def delimiter_of(first: str) -> str:
    """What separates the fields of a CSV, by its first line."""
    return ";" if "," not in first and ";" in first else ","


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _read_json(path: Path, lines: Lines, broken: Broken | None = None) -> Iterator[Record]:
    columns: list[str] | None = None
    for location, line in lines:
        if not line.strip():
            continue
        try:
            values = _json_row(line, location, columns)
        except DataError as error:
            _tell(error, broken)
            continue
        columns = columns or list(values)
        yield Record(location, values)
    if columns is None:
        raise DataError("the file is empty", SourceLocation(str(path), 1))


def _json_row(line: str, location: SourceLocation, columns: Sequence[str] | None) -> dict[str, str]:
    values = {as_text(key, location): as_text(value, location) for key, value in json_object(line, location).items()}
    for column in columns or ():
        if column not in values:
            raise DataError(f"no key {shown(column)}, which the first line has; mend the line", location)
    return values


def json_object(line: str, location: SourceLocation, shape: str = '{"text": "…", "label": "…"}') -> dict[str, object]:
    """The object on a line; raises :class:`DataError` that shows the shape it should have."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"the line is no JSON ({str(error).splitlines()[0]}); write one object a line", location
        ) from None
    if not isinstance(value, dict) or not value:
        raise DataError(f"the line is no JSON object; write one object a line: {shape}", location)
    return value


def as_text(value: object, location: SourceLocation) -> str:
    """A value of JSON as a text; raises :class:`DataError` for what no file of text can hold."""
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{value} is no value; mend the line", location)
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise DataError("a value is nested too deeply; write plain text in its location", location) from None
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise DataError("half of a surrogate pair stands alone (\\ud800 to \\udfff); mend the character", location)
    return text
