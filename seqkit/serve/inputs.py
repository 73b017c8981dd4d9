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
from seqkit.data.pictures import Picture, digest, picture_of
from seqkit.data.readers import TextPair
from seqkit.errors import UsageError
from seqkit.serve.problem import Problem
from seqkit.topologies import AnyCodec, AnyTask, EnsembleCodec, NamesFiles
from seqkit.topologies.many_to_one.texts import TextInputs
from seqkit.topologies.one_to_many import CaptionCodec
from seqkit.topologies.one_to_one import VectorCodec
from seqkit.topologies.synced.frames import FrameCodec
from seqkit.topologies.synced.tagging import TagCodec

TEXT = {"type": "string"}
_NUMBER = {"type": "number", "minimum": -1e30, "maximum": 1e30}
_LARGEST = 1e30


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


def inputs_of(task: AnyTask, codec: AnyCodec) -> Inputs:
    """How inputs of a run are written; raises :class:`UsageError` for a task whose inputs are files."""
    if isinstance(codec, EnsembleCodec):
        codec = codec.members[0]
    if isinstance(codec, TextInputs) and codec.texts == 2:
        return _pairs()
    if isinstance(codec, TagCodec):
        return _words()
    if isinstance(codec, VectorCodec):
        return _numbers(codec)
    if isinstance(codec, FrameCodec):
        return _frames(codec)
    if isinstance(codec, CaptionCodec):
        return _pictures(codec) if len(codec.shape) == 3 else _vectors(codec)
    if isinstance(task, NamesFiles) or not isinstance(task.parse_input("a"), str):
        raise UsageError(f"inputs of a {task.name} model are files, which a service does not open; use seqkit predict")
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


def _numbers(codec: VectorCodec) -> Inputs:
    size = len(codec.names)

    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != size or not all(map(_is_number, value)):
            raise _refuse(f"a list of {size} numbers")
        return [float(number) for number in value]

    return Inputs("numbers", _rows_of(size), read, codec.names, size, _grid(codec))


def _grid(codec: VectorCodec) -> dict[str, float] | None:
    side = math.isqrt(len(codec.names))
    if side < 4 or side * side != len(codec.names) or not all("pixel" in name.lower() for name in codec.names):
        return None
    return {"side": side, "most": round(float((codec.mean + codec.scale).max()))}


def _rows_of(size: int) -> dict[str, Any]:
    return {"type": "array", "items": _NUMBER, "minItems": size, "maxItems": size}


def _matrix(value: Any, size: int, what: str) -> np.ndarray:
    rows = value if isinstance(value, list) else [None]
    if not all(isinstance(row, list) and len(row) == size and all(map(_is_number, row)) for row in rows):
        raise _refuse(what)
    return np.array(rows, np.float64).reshape(len(rows), size)


def _frames(codec: FrameCodec) -> Inputs:
    size, names = codec.layout.size, codec.layout.names
    what = f"a list of frames, each a list of {size} numbers"

    def read(value: Any) -> Any:
        features = _matrix(value, size, what)
        return clip_of("the input", features, names) if len(features) else None

    return Inputs("frames", {"type": "array", "items": _rows_of(size)}, read, tuple(names or ()), size)


def _vectors(codec: CaptionCodec) -> Inputs:
    places, size = codec.shape

    def read(value: Any) -> Any:
        values = _matrix(value, size, f"a list of {places} vectors of {size} numbers").astype(np.float32)
        return Picture("the input", digest(values), values)

    schema = {"type": "array", "items": _rows_of(size), "minItems": places, "maxItems": places}
    return Inputs("vectors", schema, read, frame_size=size)


def _pictures(codec: CaptionCodec) -> Inputs:
    side, color = codec.shape[0], codec.shape[2] == 3

    def read(value: Any) -> Any:
        if value in ("", b""):
            return None
        if isinstance(value, str):
            value = _decoded(value)
        if not isinstance(value, bytes):
            raise _refuse("a picture, its file in base64")
        return picture_of(value, side, color)

    schema = {"type": "string", "contentEncoding": "base64", "description": "a PNG, JPEG, GIF, BMP or WebP file"}
    return Inputs("picture", schema, read)


def _decoded(text: str) -> bytes:
    """The bytes of base64, of a data URL too."""
    written = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        raise _refuse("a picture, its file in base64") from None
