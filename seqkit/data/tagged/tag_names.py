"""What tags that are numbers stand for: the names of a file, or those that the data bring along."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seqkit.data.readers import DataError, SourceLocation, read_lines

NAME_KEYS = ("tag_names", "label_names", "label_list", "names", "classes", "id2label", "label2id", "ner_tags_names")
"""Keys under which data sets have them."""


def read_tag_names(path: Path, tag_key: str | None = None) -> dict[str, str]:
    """Number to name: of a name a line, from 0, or of JSON.

    JSON is a list of names, ``{"0": "O"}``, ``{"O": 0}``, or the description of a data set with such a list in it; of
    several, the one under ``tag_key``. Raises :class:`DataError` for anything else.
    """
    lines = [line for _, line in read_lines(path)]
    text = "\n".join(lines).strip()
    if not text.startswith(("[", "{")):
        names = [line.strip() for line in lines if line.strip()]
        found: dict[str, str] | None = {str(number): name for number, name in enumerate(names)}
    else:
        found = names_in(_parsed(text, path)) or _names_below(_parsed(text, path), tag_key)
    if not found:
        raise DataError(
            "there are no names of tags; write one per line, the name of 0 first", SourceLocation(str(path), 1)
        )
    return found


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        what = f"this is not JSON ({str(error).splitlines()[0]}); write one name per line, or a JSON list"
        raise DataError(what, SourceLocation(str(path), getattr(error, "lineno", 1))) from None


def names_in(value: object) -> dict[str, str] | None:
    """The names if a value is a list of them, or an object of names and numbers; else None."""
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        return {str(number): name for number, name in enumerate(value)}
    if not isinstance(value, dict) or not value:
        return None
    if all(key.isdigit() and isinstance(name, str) for key, name in value.items()):
        return dict(value)
    if all(isinstance(number, int) for number in value.values()):
        return {str(number): name for name, number in value.items()}
    return None


def names_beside(values: Mapping[str, object]) -> dict[str, str] | None:
    """The names that an object has under one of the usual keys."""
    return next((found for key in NAME_KEYS if (found := names_in(values.get(key)))), None)


def _names_below(value: object, tag_key: str | None) -> dict[str, str] | None:
    """The list of names somewhere inside: below the key of the tags, else the only one there is."""
    lists = [
        (path, found) for path, inner in _walk(value, ()) if path[-1:] == ("names",) and (found := names_in(inner))
    ]
    lists += [(path, found) for path, inner in _walk(value, ()) if path[-1:] != ("names",) and path
              and path[-1] in NAME_KEYS and (found := names_in(inner))]  # fmt: skip
    under = [found for path, found in lists if tag_key in path]
    return under[0] if under else lists[0][1] if len(lists) == 1 else None


def _walk(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, str(key)))
