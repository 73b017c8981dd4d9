"""What a model reads, as JSON: the schema of an input, and the value as the codec takes it.

Nothing here opens a file: a text of a request is never the name of one.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqkit.data.frames import clip_of
from seqkit.data.inputs.frames import FrameReader
from seqkit.data.inputs.pictures import PictureReader
from seqkit.data.inputs.texts import TextReader
from seqkit.data.inputs.vectors import VectorReader
from seqkit.data.inputs.words import WordReader
from seqkit.data.pictures import Picture, digest, picture_of
from seqkit.data.readers import TextPair
from seqkit.serve.problem import Problem

TEXT = {"type": "string"}
_NUMBER = {"type": "number", "minimum": -1e30, "maximum": 1e30}
_LARGEST = 1e30
_PICTURE = {
    "type": "string",
    "contentEncoding": "base64",
    "contentMediaType": "image/*",
    # Many readers of a schema take the encoding as a remark only.
    "pattern": "^(data:[^,]*,)?([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    "description": "a PNG, JPEG, GIF, BMP or WebP file; 422 where it cannot be read as one",
}


class Inputs(NamedTuple):
    """How the inputs of a run are written."""

    kind: str
    """text, pair, words, numbers, frames, picture or vectors"""
    schema: dict[str, Any]
    read: Callable[[Any], Any]
    """The value as the codec takes it, None of one with nothing in it; raises :class:`Problem` for another kind"""
    names: tuple[str, ...] = ()
    """Of numbers and features, where they have names"""
    frame_size: int = 0
    """Numbers of a frame, or of a vector"""
    grid: dict[str, float] | None = None
    """Of numbers that are the pixels of a square: its side, and the brightest that a pixel usually is"""


def inputs_of(reader: Any) -> Inputs:
    """How inputs are written that a codec reads, or what an export has of one; a text where it is of no other kind."""
    if isinstance(reader, TextReader) and reader.texts == 2:
        return _pairs()
    if isinstance(reader, WordReader):
        return _words()
    if isinstance(reader, VectorReader):
        return _numbers(reader)
    if isinstance(reader, FrameReader):
        return _frames(reader)
    if isinstance(reader, PictureReader):
        return _pictures(reader) if len(reader.shape) == 3 else _vectors(reader)
    return Inputs("text", TEXT, lambda value: _text(value) or None)


def _refuse(what: str) -> Problem:
    return Problem(422, f"an input of this model is {what}; see /openapi.json")


def _text(value: Any) -> str:
    """A text, without halves of surrogate pairs, which no tokenizer knows; nothing of a blank one."""
    if not isinstance(value, str):
        raise _refuse("a text")
    return value.encode("utf-8", "replace").decode() if value.strip() else ""


def _pairs() -> Inputs:
    what = "a list of two texts"

    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != 2:
            raise _refuse(what)
        sides = [_text(side) for side in value]
        return TextPair.of(*sides) if any(sides) else None

    return Inputs("pair", {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}, read)


def _words() -> Inputs:
    word = {"type": "string", "minLength": 1}

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return _text(value) or None
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            raise _refuse("a sentence, or a list of its words")
        return [word.encode("utf-8", "replace").decode() for word in value] or None

    return Inputs("words", {"anyOf": [TEXT, {"type": "array", "items": word}]}, read)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST and math.isfinite(value)


def _numbers(reader: VectorReader) -> Inputs:
    size = len(reader.names)

    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != size or not all(map(_is_number, value)):
            raise _refuse(f"a list of {size} numbers")
        return [float(number) for number in value]

    return Inputs("numbers", _rows_of(size), read, reader.names, size, _grid(reader))


def _grid(reader: VectorReader) -> dict[str, float] | None:
    side = math.isqrt(len(reader.names))
    if side < 4 or side * side != len(reader.names) or not all("pixel" in name.lower() for name in reader.names):
        return None
    return {"side": side, "most": round(float((reader.mean + reader.scale).max()))}


def _rows_of(size: int) -> dict[str, Any]:
    return {"type": "array", "items": _NUMBER, "minItems": size, "maxItems": size}


def _matrix(value: Any, size: int, what: str, accepts: Callable[[Any], bool] = _is_number) -> np.ndarray:
    rows = value if isinstance(value, list) else [None]
    if not all(isinstance(row, list) and len(row) == size and all(map(accepts, row)) for row in rows):
        raise _refuse(what)
    return np.array(rows, np.float64).reshape(len(rows), size)


def _frames(reader: FrameReader) -> Inputs:
    size, names = reader.layout.size, reader.layout.names
    what = f"a list of frames, each a list of {size} numbers, null where one is missing"

    def read(value: Any) -> Any:
        features = _matrix(value, size, what, lambda each: each is None or _is_number(each))
        return clip_of("the input", features, names) if len(features) else None

    row = {**_rows_of(size), "items": {"anyOf": [_NUMBER, {"type": "null"}]}}
    return Inputs("frames", {"type": "array", "items": row}, read, tuple(names or ()), size)


def _vectors(reader: PictureReader) -> Inputs:
    places, size = reader.shape

    def read(value: Any) -> Any:
        values = _matrix(value, size, f"a list of {places} vectors of {size} numbers").astype(np.float32)
        return Picture("the input", digest(values), values)

    schema = {"type": "array", "items": _rows_of(size), "minItems": places, "maxItems": places}
    return Inputs("vectors", schema, read, frame_size=size)


def _pictures(reader: PictureReader) -> Inputs:
    side, color = reader.shape[0], reader.shape[2] == 3

    def read(value: Any) -> Any:
        if value in ("", b""):
            return None
        if isinstance(value, str):
            value = _decoded(value)
        if not isinstance(value, bytes):
            raise _refuse("a picture, its file in base64")
        return picture_of(value, side, color)

    return Inputs("picture", _PICTURE, read)


def _decoded(text: str) -> bytes:
    """The bytes of base64, of a data URL too."""
    written = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        raise _refuse("a picture, its file in base64") from None
