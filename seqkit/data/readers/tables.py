"""Tables with named columns, read row by row: CSV, TSV and JSONL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from seqkit.data.readers.class_folders import class_folder_records
from seqkit.data.readers.columnar import ARROW, COLUMNAR, PARQUET, read_columnar
from seqkit.data.readers.compressed import format_ending
from seqkit.data.readers.csv_rows import LocatedRows, csv_rows, is_comment
from seqkit.data.readers.disguises import check_is_table
from seqkit.data.readers.json_array import read_json_array
from seqkit.data.readers.json_lines import json_object
from seqkit.data.readers.lines import Broken, Lines, read_lines, report
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import Record, Row, json_row
from seqkit.errors import UsageError

FORMATS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
FORMATS |= {".parquet": PARQUET, ".pq": PARQUET, ".feather": ARROW, ".arrow": ARROW, ".ipc": ARROW}
"""Endings of the names of tables, and what they mean."""
COLUMNAR_ENDINGS = tuple(ending for ending, kind in FORMATS.items() if kind in COLUMNAR)
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".ods")


def read_records(
    path: Path,
    broken: Broken | None = None,
    stream: BinaryIO | None = None,
    encoding: str | None = None,
    form: str | None = None,
    columns: Sequence[str] = (),
    notes: list[str] | None = None,
) -> Iterator[Record]:
    """The rows of a table with named columns, one at a time; the ending of the file decides its format.

    ``.csv``: commas (or semicolons, tabs or bars, where the first line has more of them or ``sep=;`` names one), quotes
    as in RFC 4180, or with a backslash before them where no field doubles them. ``.tsv``, ``.tab``: a tab separates, a
    line is a row, quotes are ordinary characters but for those that pandas doubles. ``.jsonl``, ``.ndjson``: an object
    a line; ``.json``: an array of objects. Blank lines are skipped, and so are a comment (``#``) before the header and
    columns without a name, such as an index. A folder with a folder for each label is a table, too: see
    :func:`class_folder_records`.

    ``.parquet``, ``.pq``, ``.feather``, ``.arrow``, ``.ipc``: through pyarrow, see :func:`read_columnar`.

    Args:
        path: the file.
        broken: receives the error of a row that cannot be read, which is then left out.
        stream: where the bytes come from; the path is then only their name.
        encoding: of the text; None: as in :func:`read_lines`.
        form: csv, tsv, json or jsonl, for a file whose ending does not say it.
        columns: the names of the columns, if the first line of a CSV or TSV is a row already.
        notes: receives a sentence where quotes are written in an unusual way.

    Raises:
        UsageError: for an ending that is none of these.
        DataError: with file:line, for whatever breaks these rules.
    """
    if stream is None and path.is_dir():
        return class_folder_records(path, encoding)
    kind = form or FORMATS.get(format_ending(path))
    if kind is None:
        raise _unknown_format(path)
    if kind in ("csv", "tsv"):
        after = _AfterHeader(broken)
        lines = read_lines(stream or path, str(path), after, encoding)
        rows = csv_rows(lines, after, notes) if kind == "csv" else _tsv_rows(lines)
        return _read_table(path, rows, after, columns)
    if kind in COLUMNAR:
        return _read_columnar(path, kind, stream)
    lines = read_lines(stream or path, str(path), broken, encoding)
    if kind == "json":
        return read_json_array(path, lines, broken)
    return _read_json(path, lines, broken)


def _unknown_format(path: Path) -> UsageError:
    if path.suffix.lower() in _WORKBOOKS:
        return UsageError(f"{path} is a workbook; save its sheet as CSV (UTF-8) and give that")
    return UsageError(f"cannot tell the format of {path} by its ending; name it with one of {', '.join(FORMATS)}")


class _AfterHeader:
    """Hands errors on once the header is read; before, it raises them: the next line would be taken for the header."""

    def __init__(self, broken: Broken | None) -> None:
        self.header_read = False
        self._broken = broken

    def __call__(self, error: DataError) -> None:
        if self._broken is None or not self.header_read:
            raise error
        self._broken(error)


def _read_table(path: Path, rows: LocatedRows, broken: _AfterHeader, names: Sequence[str]) -> Iterator[Record]:
    broken.header_read = bool(names)
    first = next(rows, None)
    broken.header_read = True
    if first is None:
        raise DataError(
            "the file is empty; give rows under a line that names the columns", SourceLocation(str(path), 1)
        )
    top, raw = first
    check_is_table(raw, top)
    if names:
        _check_names(names, raw, top)
        raw, rows = list(names), chain([first], rows)
    header = _header(raw)
    named = [number for number, name in enumerate(header) if name]
    location: SourceLocation | None = None
    for location, fields in rows:
        if fields[-1] == raw[-1] and _is_header_again(fields, raw):
            broken(DataError("the line that names the columns is repeated here; remove it", location))
            continue
        # Fields under no name are no one's, and neither are empty ones behind the last.
        if len(fields) == len(named) == len(header):
            yield Record(location, Row(zip(header, fields, strict=True), location, raw, fields))
        elif named[-1] < len(fields) and not "".join(fields[len(header) :]).strip():
            values = {header[number]: fields[number] for number in named}
            yield Record(location, Row(values, location, raw, fields))
        else:
            broken(_ragged(fields, len(header), bool(names), location))
    if location is None:
        raise DataError("the file has a header but no rows; add rows below it", top)


def _is_header_again(fields: Sequence[str], header: Sequence[str]) -> bool:
    """Whether a row is the header of a file that was joined to the one before it."""
    return len(header) > 1 and [fields[0].removeprefix("\ufeff"), *fields[1:]] == [*header]


def _check_names(names: Sequence[str], first: Sequence[str], location: SourceLocation) -> None:
    """Raises :class:`DataError` if the first line names the columns itself."""
    if [field.strip().lower() for field in first] == [name.lower() for name in names]:
        raise DataError("the first line names the columns itself; leave out --columns", location)


def _ragged(fields: Sequence[str], columns: int, named: bool, location: SourceLocation) -> DataError:
    namer = "--columns" if named else "the first line"
    counts = f"{_counted(len(fields), 'field')}, but {namer} names {_counted(columns, 'column')}"
    return DataError(f"{counts}, in {shown(' | '.join(fields))}; correct the row", location)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _header(fields: Sequence[str]) -> list[str]:
    """The names of the columns, each once: of several with one name, the second is called ``name (2)``."""
    header, seen = list[str](), Counter[str]()
    for name in (field.strip() for field in fields):
        seen[name] += 1
        header.append(twin(name, seen[name]) if name and seen[name] > 1 else name)
    return header


def twin(name: str, number: int = 2) -> str:
    """What another column of the same name is called."""
    return f"{name} ({number})"


def _tsv_rows(lines: Lines) -> LocatedRows:
    begun = False
    for location, line in lines:
        fields = line.split("\t")
        if line.strip() and (begun or not is_comment(fields)):
            begun = True
            yield location, [_unquoted(field) for field in fields]


def _unquoted(field: str) -> str:
    """A field as it was before pandas put quotes around it and doubled those inside."""
    if not (len(field) > 3 and field.startswith('"') and field.endswith('"') and '""' in field[1:-1]):
        return field
    inside = field[1:-1]
    return inside.replace('""', '"') if '"' not in inside.replace('""', "") else field


def _read_columnar(path: Path, kind: str, stream: BinaryIO | None) -> Iterator[Record]:
    for location, names, cells in read_columnar(path, kind, stream):
        values = zip(_header(names), cells, strict=True)
        yield Record(location, Row({name: cell for name, cell in values if name and cell is not None}, location))


def _read_json(path: Path, lines: Lines, broken: Broken | None) -> Iterator[Record]:
    columns: list[str] = []
    for location, line in lines:
        if not line.strip():
            continue
        try:
            values = json_row(json_object(line, location), location)
        except DataError as error:
            report(error, broken)
        else:
            columns = columns or list(values)
            yield Record(location, values)
    if not columns:
        raise DataError("the file is empty; give one object per line", SourceLocation(str(path), 1))
