"""Texts without labels: the rows of a table, or the lines of a text file."""

from __future__ import annotations

from pathlib import Path

from seqkit.data.readers.columns import choose_column
from seqkit.data.readers.lines import read_lines
from seqkit.data.readers.location import DataError, SourceLocation
from seqkit.data.readers.tables import FORMATS, read_records


def read_texts(path: Path, text_column: str | None = None) -> list[str]:
    """The texts of a table's column, or of a text file a text a line, without those that are empty.

    Args:
        path: CSV, TSV or JSONL by the ending of its name, otherwise a text file.
        text_column: the column of the text; None: the one with an obvious name.

    Raises:
        UsageError: for a file that cannot be opened, and for a column that does not exist.
        DataError: with file:line for what cannot be read, and for a file without text.
    """
    texts = _column(path, text_column) if path.suffix.lower() in FORMATS else [line for _, line in read_lines(path)]
    found = [text.strip() for text in texts if text.strip()]
    if not found:
        raise DataError(f"{path} has no text in it; give a file with some")
    return found


def _column(path: Path, text_column: str | None) -> list[str]:
    texts: list[str] = []
    column = text_column
    for number, (_, values) in enumerate(read_records(path)):
        if not number:
            column = choose_column(list(values), text_column, "text", SourceLocation(str(path), 1))
        texts.append(values[str(column)])
    return texts
