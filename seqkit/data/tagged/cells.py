"""Tables with lists in their cells, or texts with a tag for each of their words, as objects."""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import regex

from seqkit.data.readers import COLUMNAR_ENDINGS, DataError, format_ending, read_records
from seqkit.data.tagged.json_values import Entry, line_writer
from seqkit.data.tagged.layout import TAG_NAMES, TEXT_NAMES, WORD_NAMES
from seqkit.data.tagged.sentence import TaggedSource
from seqkit.errors import UsageError

_QUOTED = regex.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_TRIED = 20
"""Rows of a table that are looked at."""


def holds_lists(path: Path, encoding: str | None = None) -> bool:
    """Whether the cells of a table hold lists, or texts with a tag for each of their words; not a word a row."""
    try:
        rows = [record.values for record in islice(read_records(path, encoding=encoding), _TRIED)]
    except (DataError, UsageError):
        return False
    # A word may look like a list, such as the reference [1].
    cells = zip(*(row.values() for row in rows), strict=False)
    if any(all(isinstance(_opened(cell), list) for cell in column) for column in cells):
        return True
    names = {name.strip().lower(): name for name in rows[0]} if rows else {}
    words = [names[name] for name in (*WORD_NAMES, *TEXT_NAMES) if name in names]
    tags = [names[name] for name in TAG_NAMES if name in names]
    if not words or not tags:
        return False
    counts = [(len(row.get(words[0], "").split()), len(row.get(tags[0], "").split())) for row in rows]
    return all(one == other for one, other in counts) and any(one > 1 for one, _ in counts)


def read_cells(source: TaggedSource) -> Iterator[Entry]:
    """The rows of a table, with lists where cells hold them."""
    ending = format_ending(source.path)
    delimiter = "," if ending == ".csv" else "\t"
    written: list[bool] = []
    for location, row in read_records(source.path, encoding=source.encoding):
        values = {name: _opened(value) for name, value in row.items()}
        # Nobody reads Parquet line by line: its answers are lines of JSON.
        writer = line_writer(values) if ending in COLUMNAR_ENDINGS else _row_writer(row, delimiter, written)
        yield Entry(location, values, writer)


def _row_writer(row: Mapping[str, str], delimiter: str, written: list[bool]) -> Callable[[Mapping[str, Any]], str]:
    """Writes a row with more columns, below the names of all where nothing was written before."""

    def write(more: Mapping[str, Any]) -> str:
        cells = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in more.values()]
        header = "" if written else _line([*row, *more], delimiter)
        written.append(True)
        return header + _line([*row.values(), *cells], delimiter)

    return write


def _line(cells: Sequence[str], delimiter: str) -> str:
    if delimiter == "\t":
        return "\t".join(cells) + "\n"
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return file.getvalue()


def _opened(value: str) -> Any:
    """A cell as the list in it, as JSON, Python or NumPy write one; else as it is."""
    text = value.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return value
    for parse in (json.loads, _literal):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if not isinstance(found, list):
            continue
        # Python joins texts that have no comma between them, as NumPy writes them.
        joined = len(found) == 1 and isinstance(found[0], str) and len(_QUOTED.findall(text)) > 1
        if not joined:
            return found
    quoted = [regex.sub(r"\\(.)", r"\1", one or other) for one, other in _QUOTED.findall(text)]
    return quoted or _numbers(text) or value


def _literal(text: str) -> Any:
    return ast.literal_eval(text)


def _numbers(text: str) -> list[int]:
    """Whole numbers with spaces between them."""
    parts = text[1:-1].split()
    return [int(part) for part in parts] if all(part.removeprefix("-").isdecimal() for part in parts) else []
