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
    """A row for each file of ``path/LABEL/``: ``text``, all of it, ``label``, and ``file``, its name below ``path``.

    If there are files that end in ``.txt``, others are left alone. Raises :class:`UsageError` for a folder without such
    folders, and :class:`DataError` with file:line for what is not text.
    """
    if not holds_class_folders(path):
        raise not_a_file(path)
    for folder in _class_folders(path):
        for file in _texts(folder):
            text = "\n".join(line for _, line in read_lines(file, encoding=encoding))
            location = SourceLocation(str(file), 1)
            yield Record(
                location, Row({"text": text, "label": folder.name, "file": str(file.relative_to(path))}, location)
            )


def holds_class_folders(path: Path) -> bool:
    """Whether there are folders with files in it, which are not its splits."""
    return bool(_class_folders(path)) and not named_splits(path)


def _class_folders(path: Path) -> list[Path]:
    return [folder for folder in visible(path) if folder.is_dir() and _texts(folder)]


def _texts(folder: Path) -> list[Path]:
    files = [path for path in visible(folder) if path.is_file()]
    return [path for path in files if format_ending(path) == ".txt"] or files
