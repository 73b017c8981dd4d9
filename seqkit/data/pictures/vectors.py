"""Feature vectors of pictures, made beforehand by a network of somebody's own.

N pictures, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqkit.data.arrays import read_npy
from seqkit.data.pictures.picture import Picture, digest
from seqkit.data.readers import DataError, read_lines
from seqkit.data.safetensors_files import read_safetensors
from seqkit.errors import UsageError

VECTORS = ("vectors.npy", "vectors.safetensors")


def vectors_in(folder: Path) -> Path:
    """The file of vectors in a folder; raises :class:`UsageError` if there is none."""
    for name in VECTORS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} has no {' or '.join(VECTORS)}; put one there, or name it with --vectors")


def read_vectors_of(path: Path, names: Sequence[str]) -> list[Picture]:
    """Feature vectors of these pictures, each as (locations, F): all of one width.

    ``.safetensors``: a tensor for each picture, named like it; (F), or (locations, F) for a grid. ``.npy``: an array
    (N, F) or (N, locations, F), rows in the order in which the captions file first names the pictures; or in that of
    the names in a text file beside it, one per line, with the ending ``.names``.

    Raises:
        DataError: for rows and names of different number, widths that differ, names without a vector, bad numbers.
    """
    rows = _from_safetensors(path, names) if path.suffix == ".safetensors" else _from_npy(path, names)
    shapes = {row.shape for row in rows}
    if len(shapes) > 1:
        odd = next(name for name, row in zip(names, rows, strict=True) if row.shape != rows[0].shape)
        raise DataError(f"{path}: the vectors of {names[0]} and {odd} differ in shape; make all by the same network")
    for name, row in zip(names, rows, strict=True):
        if not np.isfinite(row).all():
            raise DataError(f"{path}: the vector of {name} has values that are not finite; make it again")
    return [Picture(name, digest(row), row) for name, row in zip(names, rows, strict=True)]


def read_vector(path: Path) -> Picture:
    """One picture's vector from its own file: .npy of (F) or (locations, F), or .safetensors with one tensor."""
    array = _only_tensor(path) if path.suffix == ".safetensors" else _load_npy(path)
    if array.ndim not in (1, 2):
        raise DataError(f"{path} has the shape {array.shape}; one picture's vector is (F) or (locations, F)")
    values = np.atleast_2d(np.asarray(array, np.float32))
    return Picture(str(path), digest(values), values)


def _from_npy(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    array = _load_npy(path)
    if array.ndim not in (2, 3):
        raise DataError(f"{path} has the shape {array.shape}; vectors are (pictures, F) or (pictures, locations, F)")
    beside = path.with_suffix(".names")
    order = [line.strip() for _, line in read_lines(beside) if line.strip()] if beside.is_file() else list(names)
    if len(order) != len(array):
        listed = beside if beside.is_file() else "the captions file"
        raise DataError(f"{path} has {len(array)} rows, but {listed} names {len(order)} pictures; make them agree")
    rows = dict(zip(order, np.asarray(array, np.float32).reshape(len(array), -1, array.shape[-1]), strict=True))
    return [_vector(path, rows, name) for name in names]


def _load_npy(path: Path) -> np.ndarray:
    array = read_npy(path)
    if array.dtype.kind not in "fiu" or not array.size:
        raise DataError(f"{path} holds no numbers; save an array of float32")
    return array


def _from_safetensors(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    tensors = _load_safetensors(path)
    rows = [_vector(path, tensors, name) for name in names]
    if odd := next((name for name, row in zip(names, rows, strict=True) if row.ndim not in (1, 2)), None):
        raise DataError(f"{path}: the vector of {odd} must be (F) or (locations, F)")
    return [np.atleast_2d(np.asarray(row, np.float32)) for row in rows]


def _only_tensor(path: Path) -> np.ndarray:
    tensors = _load_safetensors(path)
    if len(tensors) != 1:
        raise DataError(f"{path} has {len(tensors)} tensors; one picture's file has one")
    return next(iter(tensors.values()))


def _load_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    return read_safetensors(path, load)


def _vector(path: Path, vectors: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in vectors:
        raise DataError(f"{path} has no vector of {name}; add it, or remove the picture from the captions file")
    return vectors[name]
