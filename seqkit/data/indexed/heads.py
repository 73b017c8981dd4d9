"""How a file with an example in each row is cut into rows, and what its rows are read with."""

from __future__ import annotations

import codecs
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from seqkit.data.readers import FORMATS, FileForm, delimiter_in, read_lines
from seqkit.data.readers.compressed import is_compressed
from seqkit.data.readers.csv_rows import csv_rows, is_comment
from seqkit.data.readers.encodings import encoding_by_mark

_FIRST = 1 << 16
"""Bytes that show how lines end"""


class RowHead(NamedTuple):
    """How a file is cut into rows.

    Any rows, put behind :attr:`content`, are a file that is read as they are where they stand.
    """

    content: bytes
    """The header, or the first lines, which show how lines are read"""
    lines: int
    """Of the content"""
    first: int
    """The byte at which rows begin"""
    line: int
    """The line at which they do"""
    delimiter: int | None
    """What separates fields that may be in quotes; None: each line is a row"""


def table_head(path: Path, form: FileForm) -> RowHead | None:
    """How a table is cut; None for one that is no CSV, TSV or JSONL, is compressed, or of two bytes a character.

    Raises as :func:`~seqkit.data.readers.read_records` does, for its first rows.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind == "csv" and _is_cut_by_bytes(path, form.encoding):
        return _csv_head(path, form)
    if kind == "jsonl":
        # The keys of the first object are the columns.
        return lines_head(path, form.encoding, 1)
    if kind != "tsv" or not _is_cut_by_bytes(path, form.encoding):
        return None
    return _lines_head(path, 0 if form.columns else _lines_to_header(path, form))


def _lines_to_header(path: Path, form: FileForm) -> int:
    """Up to the line that names the columns; comments and empty lines may come first."""
    lines = read_lines(path, encoding=form.encoding)
    header = next((location for location, line in lines if line.strip() and not is_comment(line.split("\t"))), None)
    return header.line if header else 1


def lines_head(path: Path, encoding: str | None, count: int) -> RowHead | None:
    """How a file is cut of which each line is a row, and the first ``count`` lines show what is in them.

    None for one that is compressed, or has two bytes for a character.
    """
    if not _is_cut_by_bytes(path, encoding):
        return None
    mark = _mark(path)
    with path.open("rb") as stream:
        lines = list(islice(stream, count))
    # A file of long lines may have fewer.
    return RowHead(_ended(b"".join(lines)), len(lines), len(mark), 1, None)


def _csv_head(path: Path, form: FileForm) -> RowHead | None:
    delimiter = delimiter_in(read_lines(path, encoding=form.encoding))
    rows = csv_rows(read_lines(path, encoding=form.encoding), None)
    if not form.columns:
        next(rows, None)
    first = next(rows, None)
    if first is None or len(delimiter.encode()) > 1:
        return None
    return _lines_head(path, first[0].line - 1)._replace(delimiter=ord(delimiter))


def _lines_head(path: Path, count: int) -> RowHead:
    """The first lines as the head."""
    mark = _mark(path)
    with path.open("rb") as stream:
        content = b"".join(islice(stream, count)) or mark
    return RowHead(content, count, len(content), count + 1, None)


def _mark(path: Path) -> bytes:
    with path.open("rb") as stream:
        return codecs.BOM_UTF8 if stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else b""


def _ended(content: bytes) -> bytes:
    return content if content.endswith(b"\n") or not content else content + b"\n"


def _is_cut_by_bytes(path: Path, encoding: str | None) -> bool:
    """Whether a line ends where the byte of ``\\n`` is, and a quote is one byte."""
    if path.is_dir() or is_compressed(path):
        return False
    with path.open("rb") as stream:
        first = stream.read(_FIRST)
    named = encoding or encoding_by_mark(first) or "utf-8"
    return all(_is_one_byte(sign, named) for sign in '\n"\r,\t') and b"\n" in first


def _is_one_byte(sign: str, encoding: str) -> bool:
    try:
        return sign.encode(encoding) == sign.encode()
    except LookupError:
        return False  # its reader says so
