"""What the files of codecs hold: one table of them all, which is looked at before a codec is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqkit.schema import ANYTHING, Schema, Whole, check_schema

_COUNT = Whole(0, 2**53)
_TOKENIZER = {"name": str}
_VOCABULARY = {"specials": [str], "symbols": [str], "tokenizer?": _TOKENIZER}
_LABELS = {"labels": [str], "counts": [_COUNT], "scheme": (str, None)}
_SET = {"target": str, "labels?": {str: _COUNT}, "texts?": _COUNT}
_NUMBERS = {"target": str, "names": [str], "mean": [float], "deviation": [float], "interval": float}

CODEC_FILES: dict[str, Schema] = {
    "vocab.json": {
        **_VOCABULARY,
        "max_tokens?": Whole(1, 2**31),
        "texts?": _COUNT,
        "reverse?": bool,
        "lowercase?": bool,
        "spelled_below?": _COUNT,
        "counts?": [_COUNT],
    },
    "characters.json": _VOCABULARY,
    "source.json": {**_VOCABULARY, "tokenizer": _TOKENIZER},
    "labels.json": ([str], _LABELS),
    "features.json": {
        "names": ([str], None),
        "mean": [float],
        "scale?": [float],
        "inverse?": [float],
        "masked?": [_COUNT],
    },
    "pictures.json": {"shape": [Whole(1, 2**20)]},
    "memory.json": {"sources": [str], "targets": [str]},
    "joint.json": {
        "symbols": [_COUNT],
        "targets": [[_COUNT]],
        **dict.fromkeys(("history", "graphone", "suffix", "probability", "rest"), str),
    },
    "spacing.json": {"before": {str: str}, "after": {str: str}},
    "class_weights.json": {str: float},
    "ngrams.json": {"ngrams": [str], "counts": [[_COUNT]], "order": Whole(1, 16), "spelled?": Whole(0, 64)},
    "word_features.json": {"features": [str]},
    # The vocabulary of a written side, or what a text is given: three tasks have a file of this name.
    "target.json": ({**_VOCABULARY, "tokenizer": _TOKENIZER}, _NUMBERS, _SET),
}


def check_codec_files(files: Mapping[str, Any], folder: object) -> None:
    """Raises :class:`~seqkit.errors.SeqkitError` naming the first file that is not as it should be."""
    for name, content in files.items():
        check_schema(content, CODEC_FILES.get(name, ANYTHING), f"{folder}/{name}")
