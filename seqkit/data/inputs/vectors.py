"""Vectors of numbers on one scale.

F numbers in a vector.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqkit.data.inputs.labels import read_labels
from seqkit.data.readers import DataError, SourceLocation, shown
from seqkit.errors import UsageError

_CLIP = 10.0
"""A scaled number is clipped here: one wrong entry in a row then cannot outweigh all the others."""
_LARGEST = 1e30
"""No measured number is as large; squares of larger ones overflow."""
_NUMBERS = re.compile(r"[^\s,;\[\]()]+")


class VectorReader:
    """What is learned to read vectors.

    Args:
        names: of the F numbers.
        mean, scale: (F); a number x becomes ``(x - mean) / scale``, clipped to lie from -10 to 10.
        labels: those of the training split, in the order of the head's outputs.
    """

    def __init__(
        self, names: Sequence[str], mean: Sequence[float], scale: Sequence[float], labels: Sequence[str]
    ) -> None:
        self.names, self.labels = tuple(names), tuple(labels)
        self.mean, self.scale = np.array(mean), np.array(scale)

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> VectorReader:
        """From the files of a codec; raises :class:`DataError` naming the one that is wrong."""
        features, labels = files["features.json"], read_labels(files["labels.json"])
        try:
            numbers = (features["names"], features["mean"], features["scale"])
            reader = cls(*numbers, labels)
            sizes = {reader.mean.shape, reader.scale.shape, (len(reader.names),)}
            valid = len(sizes) == 1 and reader.names and np.isfinite(reader.mean).all() and (reader.scale > 0).all()
        except (TypeError, KeyError, ValueError):
            valid = False
        if not valid:
            raise DataError(
                "features.json must hold names, mean and scale of as many numbers; restore it from a backup"
            )
        return reader

    def read(self, raw: str | Sequence[float]) -> np.ndarray:
        """The scaled numbers (F) of a vector. A text has them between commas, semicolons or spaces.

        Raises :class:`UsageError` for what is not a number, and for too many or too few.
        """
        # Between tabs alone a number may be missing, and then that is what is wrong.
        if isinstance(raw, str):
            texts: Sequence[str | float] = (
                raw.split("\t") if "\t" in raw and not {*",;"} & {*raw} else _NUMBERS.findall(raw)
            )
        else:
            texts = raw
        if len(texts) != len(self.names):
            first, last = self.names[0], self.names[-1]
            names = f"{first} to {last}" if len(self.names) > 1 else first
            raise UsageError(f"the vector has {len(texts)} numbers, but the model takes {len(self.names)}: {names}")
        values = [parse_number(text, name) for text, name in zip(texts, self.names, strict=True)]
        scaled: np.ndarray = ((np.array(values) - self.mean) / self.scale).clip(-_CLIP, _CLIP)
        return scaled


def parse_number(text: str | float, name: str, location: SourceLocation | None = None) -> float:
    """A number of the column ``name``; raises :class:`DataError` at the location, :class:`UsageError` without one."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if abs(value) < _LARGEST:
        return value
    what = "is empty" if text == "" else f"is {shown(str(text))}, which is not a usable number"
    fix = "correct it, or leave the column out with --feature-columns" if location else "correct it"
    message = f"{name if name.isprintable() else shown(name)} {what}; {fix}"
    raise DataError(message, location) if location else UsageError(message)
