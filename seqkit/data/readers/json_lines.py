"""Values of JSON as text: the lines of ``.jsonl`` and ``.ndjson``."""

from __future__ import annotations

import json
import math

from seqkit.data.readers.location import DataError, SourceLocation


def json_object(line: str, location: SourceLocation, shape: str = '{"text": "…", "label": "…"}') -> dict[str, object]:
    """The object on a line; raises :class:`DataError` that shows the shape it should have."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        if line.rstrip().endswith("},"):
            what = "a comma follows the object; remove it, or put [ and ] around all and name the file .json"
            raise DataError(what, location) from None
        raise DataError(
            f"the line is not JSON ({str(error).splitlines()[0]}); write one object per line", location
        ) from None
    if not isinstance(value, dict) or not value:
        raise DataError(f"the line is not a JSON object; write one object per line: {shape}", location)
    return value


def as_text(value: object, location: SourceLocation) -> str:
    """A value of JSON as text; raises :class:`DataError` for what a text file could not hold."""
    if isinstance(value, str) and value.isascii():
        return value
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{value} is not a value of JSON; correct the line", location)
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise DataError("a value is nested too deeply; write plain text instead", location) from None
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise DataError("half of a surrogate pair is alone (\\ud800 to \\udfff); correct the character", location)
    return text
