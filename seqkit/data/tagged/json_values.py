"""Objects of JSON with their types: a line each, or one array, which may be inside an object."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import regex

from seqkit.data.readers import DataError, SourceLocation, json_object, read_lines, shown
from seqkit.data.readers.json_array import after_space, array_elements
from seqkit.data.readers.lines import Lines
from seqkit.data.tagged.sentence import TaggedSource
from seqkit.data.tagged.tag_names import names_beside

_LISTED = 20
"""Keys"""


class Entry(NamedTuple):
    """An object, where it is, and how it is written with more in it; without values, what is between objects."""

    location: SourceLocation
    values: Mapping[str, Any]
    written: Callable[[Mapping[str, Any]], str]


def read_json_lines(source: TaggedSource, shape: str) -> Iterator[Entry]:
    """The objects of ``.jsonl``; raises :class:`DataError` that shows the shape of one."""
    for location, line in read_lines(source.path, encoding=source.encoding):
        if not line.strip():
            continue
        values = _pair(line) or json_object(line, location, shape)
        if _only_names(values, source):
            continue
        yield Entry(location, values, line_writer(values))


def line_writer(values: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], str]:
    """Writes an object with more in it, on a line."""
    return lambda more: json.dumps({**values, **more}, ensure_ascii=False) + "\n"


def _pair(line: str) -> dict[str, Any] | None:
    """A text and an object with its spans, as spaCy had them."""
    try:
        value = json.loads(line) if line.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return _opened_pair(value)


def _opened_pair(value: object) -> dict[str, Any] | None:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict):
        return {"text": value[0], **value[1]}
    return None


def _only_names(values: Mapping[str, Any], source: TaggedSource) -> bool:
    """Takes the names of tags from an object; whether it has nothing else."""
    names = names_beside(values)
    source.tag_names.update(names or {})
    return names is not None and len(values) == 1


def read_json_file(source: TaggedSource) -> Iterator[Entry]:
    """The objects of an array, or of the array inside an object; the file is read whole."""
    lines = read_lines(source.path, encoding=source.encoding)
    text, numbers = _whole(lines)
    top = SourceLocation(str(source.path), 1)
    start = after_space(text, 0)
    if not text.strip():
        raise DataError("the file is empty", top)
    if text[start] == "{":
        start = _array_inside(text, start, source)
    if text[start] != "[":
        raise DataError("the file is not a JSON array; give an array of objects, or .jsonl", top)
    opening = "[\n"
    for location, value in array_elements(text, start, str(source.path), numbers):
        values = _opened_pair(value) or value
        if not isinstance(values, dict) or not values:
            raise DataError("an element of the array is not an object with words and tags", location)
        if _only_names(values, source):
            continue
        yield Entry(location, values, _element_writer(values, opening))
        opening = ",\n"
    if opening != "[\n":
        yield Entry(top, {}, lambda more: "\n]\n")


def _element_writer(values: Mapping[str, Any], before: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda more: before + json.dumps({**values, **more}, ensure_ascii=False)


def _whole(lines: Lines) -> tuple[str, list[int]]:
    numbers, parts = list[int](), list[str]()
    for location, line in lines:
        numbers.append(location.line)
        parts.append(line)
    return "\n".join(parts), numbers


def _array_inside(text: str, start: int, source: TaggedSource) -> int:
    """Where the longest array of objects begins in an object, whose names of tags are taken."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        what = f"the file is not JSON ({str(error).splitlines()[0]}); correct it"
        raise DataError(what, SourceLocation(str(source.path), line)) from None
    source.tag_names.update(names_beside(value) or {})
    lists = {key: inner for key, inner in value.items() if isinstance(inner, list) and any(map(_is_entry, inner))}
    if not lists:
        there = ", ".join(list(value)[:10])
        raise DataError(
            f"no list of objects in the file, only {there}; give an array of objects, or .jsonl",
            SourceLocation(str(source.path), 1),
        )
    key = max(lists, key=lambda name: len(lists[name]))
    if others := [name for name in lists if name != key]:
        source.notes.append(f"{source.path}: sentences are read from {key!r} alone, not from {', '.join(others)}")
    match = regex.search(rf"{regex.escape(json.dumps(key, ensure_ascii=False))}\s*:\s*(?=\[)", text[start:])
    return start + match.end() if match else start


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) or _opened_pair(value) is not None


def check_key(values: Mapping[str, Any], key: str, kind: str, location: SourceLocation) -> None:
    """Raises :class:`DataError` if an object lacks a key, with those that it has."""
    if key not in values:
        there = ", ".join(map(shown, list(values)[:_LISTED]))
        raise DataError(f"no key {shown(key)}, only {there}; name the key with --{kind}-column", location)
