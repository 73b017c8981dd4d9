"""A table in one file of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqkit.data.readers.json_lines import json_object
from seqkit.data.readers.lines import Broken, Lines, report
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import Record, json_row

_SPACE = re.compile(r"\s*")
_WRAPPED = re.compile(r'\s*\{(?:\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-\w.]+)\s*,)*\s*"[^"\\]*"\s*:\s*\[')
"""An object up to its array, before which there may be a version or a name."""


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
    what = f"{shown(json.dumps(value, ensure_ascii=False))} in the array is not an object"
    raise DataError(f'{what}; write objects such as {{"text": "…", "label": "…"}}', location)


def json_elements(path: Path, lines: Lines) -> Iterator[tuple[SourceLocation, object]]:
    """The elements of a JSON file, which is read whole: of its array, or what else people have under that name.

    That is an object a line; an object one key of which has the array; or one with a list, or an object, for each
    column, as pandas writes it. Raises :class:`DataError` for anything else.
    """
    numbers, parts = list[int](), list[str]()
    for location, line in lines:
        numbers.append(location.line)
        parts.append(line)
    text, top = "\n".join(parts), SourceLocation(str(path), 1)
    if not text.strip():
        raise DataError("the file is empty; give an array of objects", top)
    begin = after_space(text, 0)
    if text[begin] == "{":
        if len(parts) > 1 and _is_object(text[begin:].partition("\n")[0]):
            yield from _object_lines(path, numbers, parts)
            return
        begin = -1
        if (columns := _by_column(text)) is not None:
            yield from ((top, row) for row in columns)
            return
        if wrapped := _WRAPPED.match(text):
            begin = wrapped.end() - 1
    if begin < 0 or text[begin] != "[":
        raise DataError("the file is not a JSON array; give an array of objects, or .jsonl", top)
    empty = True
    for located in array_elements(text, begin, str(path), numbers):
        empty = False
        yield located
    if empty:
        raise DataError("the array is empty; give objects in it", top)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _object_lines(path: Path, numbers: Sequence[int], parts: Sequence[str]) -> Iterator[tuple[SourceLocation, object]]:
    for number, part in zip(numbers, parts, strict=True):
        if part.strip():
            location = SourceLocation(str(path), number)
            yield location, json_object(part, location)


def _by_column(text: str) -> list[dict[str, object]] | None:
    """The rows of an object that has a list, or an object by the names of rows, for each column."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    columns = [list(v.items()) if isinstance(v, dict) else list(enumerate(v)) for v in _collections(values)]
    if len(columns) < 2 or any([key for key, _ in column] != [key for key, _ in columns[0]] for column in columns):
        return None
    return [dict(zip(values, (cell for _, cell in row), strict=True)) for row in zip(*columns, strict=True)]


def _collections(values: dict[str, Any]) -> list[Any]:
    """The values of an object, if all are lists or objects."""
    found = list(values.values())
    return found if all(isinstance(value, (list, dict)) for value in found) else []


def array_elements(text: str, begin: int, file: str, numbers: Sequence[int]) -> Iterator[tuple[SourceLocation, object]]:
    """The elements of the array that begins there, in a text of lines with these numbers.

    Raises :class:`DataError` with file:line for what is not JSON.
    """
    decoder, position, row, seen = json.JSONDecoder(), after_space(text, begin + 1), 0, 0
    while text[position : position + 1] != "]":
        # Counted on from the element before: from the top, a long file would be read once for each.
        row, seen = row + text.count("\n", seen, position), position
        location = SourceLocation(file, numbers[min(row, len(numbers) - 1)])
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            what = str(error).splitlines()[0]
            raise DataError(f"the array is not JSON ({what}); correct it", location) from None
        yield location, value
        position = after_space(text, end)
        if text[position : position + 1] == ",":
            position = after_space(text, position + 1)


def after_space(text: str, position: int) -> int:
    """The first position from there on that is not a space."""
    match = _SPACE.match(text, position)
    return match.end() if match else position
