"""Sequences of frames as numbers around 0, whole ones and line by line.

T frames, F features of a frame, D values that the encoder reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.data.frames import Clip, Layout, Scaling, clip_of, parse_number, read_clip, split_line
from seqkit.data.inputs.labels import read_labels
from seqkit.data.readers import DataError


@dataclass(frozen=True)
class FrameReader:
    """What is learned to read frames."""

    layout: Layout
    scaling: Scaling
    labels: tuple[str, ...]

    @staticmethod
    def fields_of(files: Mapping[str, Any]) -> dict[str, Any]:
        """The fields by name, from the files of a codec; raises :class:`DataError` naming the file that is wrong."""
        features = files["features.json"]
        scaling = Scaling.from_json(features, "features.json")
        names, labels = features.get("names"), read_labels(files["labels.json"])
        if names is not None and len(names) != len(scaling.mean):
            raise DataError("features.json has names and scales of different number; restore it from a backup")
        layout = Layout(len(scaling.mean), None if names is None else tuple(names))
        return {"layout": layout, "scaling": scaling, "labels": labels}

    def read(self, raw: Clip | Path | str | Any) -> np.ndarray:
        """The scaled frames (T, D) of a clip, the file of one, or features (T, F)."""
        clip = self._clip(raw)
        self.check(clip.features.shape[1], f"{clip}: ")
        return self.scaling(clip.features)

    def check(self, count: int, where: str = "") -> None:
        """Raises :class:`DataError` unless a frame has as many features as this model reads."""
        if count != self.layout.size:
            has = f"{count} features" if count >= 0 else "no row of features"
            raise DataError(f"{where}a frame has {self.layout.size} features, here {has}; make them agree")

    def _clip(self, raw: Clip | Path | str | Any) -> Clip:
        if isinstance(raw, Clip):
            return raw
        return read_clip(Path(raw), self.layout) if isinstance(raw, (Path, str)) else clip_of("array", np.asarray(raw))


class FrameLines:
    """Frames one by one, as numbers or as lines of text."""

    __slots__ = ("_reader", "columns", "width")

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self.columns: Sequence[int] = ()
        self.width = 0

    def read(self, features: str | Sequence[float] | Any) -> np.ndarray | None:
        """The scaled frame (1, D); None for a line with the names of all features, which says where they are.

        Raises :class:`DataError` for what is not a frame.
        """
        if isinstance(features, str):
            cells = split_line(features)
            if self._is_header(cells):
                return None
            features = [parse_number(cell) for cell in self._select(cells)]
        values = np.asarray(features, np.float64)
        self._reader.check(values.shape[-1] if values.ndim == 1 else -1)
        return self._reader.scaling(values[None])

    def _is_header(self, cells: list[str]) -> bool:
        names = self._reader.layout.names
        if not names or not set(names) <= set(cells):
            return False
        self.columns, self.width = [cells.index(name) for name in names], len(cells)
        return True

    def _select(self, cells: list[str]) -> list[str]:
        """The cells that are features, in the order of the codec."""
        if not self.columns:
            return cells
        if len(cells) != self.width:
            raise DataError(f"{len(cells)} values, but the header names {self.width} columns; correct the line")
        return [cells[column] for column in self.columns]
