"""What a file that is read back must look like, written as the value itself would be::

int, float, str, bool, None    a whole number, any number, a text, true or false, null
Whole(1, 1024)                 a whole number in these limits
FileName()                     the name of a file inside the folder, and of none outside
"bio"                          this text
[schema]                       a list of such values
{str: schema}                  an object with any keys
{"key": schema, "key?": …}     an object with this key, and perhaps that one; further keys may have anything
(schema, schema)               one of these
ANYTHING                       anything
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seqkit.errors import SeqkitError

Schema = Any
ANYTHING = object()
_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", None: "null"}


@dataclass(frozen=True)
class Whole:
    """A whole number of at least ``low`` and at most ``high``."""

    low: int
    high: int


@dataclass(frozen=True)
class FileName:
    """The name of a file inside a folder: neither absolute nor with ``..``, so that a run names no file outside."""

    def fits(self, name: Any) -> bool:
        """Whether it is such a name."""
        if not isinstance(name, str) or not name or "\0" in name or "\\" in name:
            return False
        path = PurePosixPath(name)
        return not path.is_absolute() and ".." not in path.parts


def check_schema(value: Any, schema: Schema, file: Path | str) -> None:
    """Raises :class:`SeqkitError` that names the file, the place in it and what belongs there."""
    for place, expected in _faults(value, schema, ""):
        where = f" at {place.lstrip('.')}" if place else ""
        raise SeqkitError(f"{file} is damaged: {expected} is expected{where:.120}; restore it from a backup")


def _faults(value: Any, schema: Schema, place: str) -> Iterator[tuple[str, str]]:
    """The places where a value differs from its schema, and what is expected there."""
    if isinstance(schema, dict):
        yield from _of_object(value, schema, place)
    elif isinstance(schema, list):
        if not isinstance(value, list):
            yield place, "a list"
            return
        for number, each in enumerate(value):
            yield from _faults(each, schema[0], f"{place}[{number}]")
    elif isinstance(schema, tuple):
        if all(any(True for _ in _faults(value, one, place)) for one in schema):
            yield place, " or ".join(_name(one) for one in schema)
    elif not _fits(value, schema):
        yield place, _name(schema)


def _of_object(value: Any, schema: dict[Any, Schema], place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield place, "an object"
        return
    if str in schema:
        for key, each in value.items():
            yield from _faults(each, schema[str], f"{place}.{key:.40}")
        return
    for key, each in schema.items():
        name = key.removesuffix("?")
        if name in value:
            yield from _faults(value[name], each, f"{place}.{name}")
        elif name == key:
            yield place, f"a key {name!r}"


def _fits(value: Any, schema: Schema) -> bool:
    if schema is ANYTHING:
        return True
    if isinstance(schema, Whole):
        return type(value) is int and schema.low <= value <= schema.high
    if isinstance(schema, FileName):
        return schema.fits(value)
    if schema is float:
        # A whole number of more than 64 bits is no number for numpy, and would fail only where it is used.
        return type(value) is float or (type(value) is int and abs(value) < 2**63)
    return type(value) is schema if isinstance(schema, type) else value == schema


def _name(schema: Schema) -> str:
    if isinstance(schema, Whole):
        return f"a whole number from {schema.low} to {schema.high}"
    if isinstance(schema, FileName):
        return "the name of a file in the folder"
    if isinstance(schema, (dict, list)):
        return "an object" if isinstance(schema, dict) else "a list"
    return _NAMES.get(schema) or repr(schema)
