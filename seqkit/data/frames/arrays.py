"""Frames in files of numpy: ``.npy`` with a file of labels beside it, and ``.npz`` with both. Nothing pickled is read.

T frames, F features of a frame.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqkit.data.arrays import read_arrays
from seqkit.data.frames.clip import Layout
from seqkit.data.frames.values import LARGEST, Labels, parse_label
from seqkit.data.readers import DataError, SourceLocation, read_lines

ARRAYS = (".npy", ".npz")
LABELS = ".labels.txt"
"""The ending of a file of labels: ``clip.labels.txt`` beside ``clip.npy``."""


def read_array(path: Path, layout: Layout | None) -> np.ndarray:
    """The features (T, F) of a file; its labels are not read."""
    return _checked_features(path, _load(path)[0], layout)


def read_labelled_array(path: Path, layout: Layout | None, several: bool = False) -> tuple[np.ndarray, Labels]:
    """The features (T, F) of a file, and the label of each frame; with ``several`` as a column of labels has them."""
    values, inside = _load(path)
    features = _checked_features(path, values, layout)
    if path.suffix.lower() == ".npz":
        labels = (_sets_inside if several else _labels_inside)(path, inside)
    else:
        labels = _labels_beside(path, several)
    if len(labels) != len(features):
        raise DataError(f"{path} has {len(features):,} frames but {len(labels):,} labels; each frame needs one")
    return features, labels


def _checked_features(path: Path, values: np.ndarray, layout: Layout | None) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise DataError(f"{path} holds {values.dtype} instead of numbers; save an array of float32")
    if values.ndim < 2 or not values.size:
        what = "has no frames in it" if not values.size else f"has the shape {values.shape}"
        raise DataError(f"{path} {what}; a sequence is an array of (frames, features)")
    rows = values.reshape(len(values), -1)
    if layout and rows.shape[1] != layout.size:
        raise DataError(f"{path} has {rows.shape[1]} features, but {layout.size} are expected; all must have the same")
    if values.dtype.kind == "f":
        wrong = np.argwhere(~(np.abs(rows) <= LARGEST) & ~np.isnan(rows))
        if len(wrong):
            row, column = wrong[0] + 1
            raise DataError(
                f"{path}: feature {column} of frame {row} is infinite or too large; correct it, or write NaN if it is "
                "missing"
            )
    return rows


def _load(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The features of a file, and the labels where it holds them."""
    arrays = read_arrays(path, ("features", "labels"))
    return arrays["" if "" in arrays else "features"], arrays.get("labels")


def _labels_inside(path: Path, labels: np.ndarray | None) -> Labels:
    if labels is None:
        raise DataError(f"{path} has no labels; add an array: np.savez(file, features=…, labels=…)")
    if labels.dtype.kind not in "Uiub" or labels.ndim != 1:
        raise DataError(
            f"{path} has labels of {labels.dtype} in the shape {labels.shape}; they must be a row of texts or whole "
            "numbers"
        )
    locations = (SourceLocation(str(path), number) for number in range(1, len(labels) + 1))
    return [(at, parse_label(str(label), at)) for at, label in zip(locations, labels.tolist(), strict=True)]


def has_matrix(path: Path) -> bool:
    """Whether a file has labels as a matrix, (T, K)."""
    labels = _load(path)[1] if path.suffix.lower() == ".npz" else None
    return labels is not None and labels.ndim == 2


def _sets_inside(path: Path, labels: np.ndarray | None) -> Labels:
    """Of a matrix of 0 and 1 the numbers of the columns that are 1; else as a column of labels has them."""
    if labels is None or labels.ndim != 2:
        if labels is not None and labels.dtype.kind == "U" and labels.ndim == 1:
            return [(SourceLocation(str(path), number), str(label)) for number, label in enumerate(labels, 1)]
        return _labels_inside(path, labels)
    if not np.isin(labels, (0, 1)).all():
        raise DataError(f"{path} has a matrix of labels with other numbers than 0 and 1; write 1 where a frame has one")
    rows = ("|".join(map(str, np.flatnonzero(row))) for row in labels)
    return [(SourceLocation(str(path), number), row) for number, row in enumerate(rows, 1)]


def _labels_beside(path: Path, several: bool) -> Labels:
    beside = path.with_name(path.stem + LABELS)
    if not beside.is_file():
        raise DataError(f"{path} has no labels; write them in {beside.name} beside it, one per line")
    return [(location, parse_label(line, location, several)) for location, line in read_lines(beside)]
