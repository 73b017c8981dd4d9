"""Texts in folders: a folder for each label, a file for each text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqkit.data.readers.compressed import format_ending
from seqkit.data.readers.folders import named_splits, not_a_file, visible
from seqkit.data.readers.lines import read_lines
from seqkit.data.readers.location import SourceLocation
from seqkit.data.readers.records import Record, Row


def class_folder_records(path: Path, encoding: str | None = None) -> Iterator[Record]:
    """A row for each file of ``path/LABEL/``, with the columns ``text``, all of the file, and ``label``.

    If there are files that end in ``.txt``, others are left alone. Raises :class:`UsageError` for a folder without such
    folders, and :class:`DataError` with file:line for what is not text.
    """
    folders = [folder for folder in visible(path) if folder.is_dir() and _texts(folder)]
    if not folders or named_splits(path):
        raise not_a_file(path)
    for folder in folders:
        for file in _texts(folder):
            text = "\n".join(line for _, line in read_lines(file, encoding=encoding))
            location = SourceLocation(str(file), 1)
            yield Record(location, Row({"text": text, "label": folder.name}, location))


def _texts(folder: Path) -> list[Path]:
    files = [path for path in visible(folder) if path.is_file()]
    return [path for path in files if format_ending(path) == ".txt"] or files
