"""A table as one array of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from seqkit.data.readers.lines import Broken, Lines, report
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import Record, json_row

_SPACE = re.compile(r"\s*")


def read_json_array(path: Path, lines: Lines, broken: Broken | None = None) -> Iterator[Record]:
    """The objects of a JSON array as rows; the error of one that is none goes to ``broken``.

    Raises :class:`DataError` for anything but an array.
    """
    for location, value in json_elements(path, lines):
        try:
            record = Record(location, json_row(checked_object(value, location), location))
        except DataError as error:
            report(error, broken)
        else:
            yield record


def checked_object(value: object, location: SourceLocation) -> dict[str, object]:
    """An element of an array; raises :class:`DataError` unless it is an object."""
    if isinstance(value, dict) and value:
        return value
    what = f"{shown(json.dumps(value, ensure_ascii=False))} in the array is no object"
    raise DataError(f'{what}; write objects such as {{"text": "…", "label": "…"}}', location)


def json_elements(path: Path, lines: Lines) -> Iterator[tuple[SourceLocation, object]]:
    """The elements of a JSON array, which is read whole; raises :class:`DataError` for anything else."""
    numbers, parts = list[int](), list[str]()
    for location, line in lines:
        numbers.append(location.line)
        parts.append(line)
    text, top = "\n".join(parts), SourceLocation(str(path), 1)
    if not text.strip():
        raise DataError("the file is empty; give an array of objects", top)
    row, seen = 0, -1
    for position, value in _elements(text, path):
        row, seen = row + text.count("\n", max(0, seen), position), position
        yield SourceLocation(str(path), numbers[row]), value
    if seen < 0:
        raise DataError("the array is empty; give objects in it", top)


def _elements(text: str, path: Path) -> Iterator[tuple[int, object]]:
    """The elements of an array with the positions at which they begin."""
    decoder, position = json.JSONDecoder(), _after_space(text, 0)
    if text[position] != "[":
        raise DataError(
            "the file is not a JSON array; give an array of objects, or .jsonl", SourceLocation(str(path), 1)
        )
    position = _after_space(text, position + 1)
    while text[position : position + 1] != "]":
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, position) + 1
            what = str(error).splitlines()[0]
            raise DataError(f"the array is not JSON ({what}); correct it", SourceLocation(str(path), line)) from None
        yield position, value
        position = _after_space(text, end)
        if text[position : position + 1] == ",":
            position = _after_space(text, position + 1)


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
