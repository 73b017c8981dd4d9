"""Sequences of frames as people keep them: arrays and tables of numbers, with a label for each frame.

T frames, F features of a frame.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import random
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqkit.data.readers import DataError, SourceLocation, choose_column, read_lines, read_records, shown
from seqkit.data.splits import Splits
from seqkit.errors import UsageError

ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".tsv", ".tab")
LABELS = ".labels.txt"
"""What a file of labels beside ``clip.npy`` is called: ``clip.labels.txt``."""
PARTS = ("train", "valid", "test")
_MISSING = ("", "nan", "na")
_LARGEST = 1e30
"""A larger feature is taken for infinite; its square would not fit."""


class Layout(NamedTuple):
    """What a frame is made of: so many features, and their names where the files tell them (tables do)."""

    size: int
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Clip:
    """A sequence of frames, known by its name and its content."""

    name: str
    digest: str
    layout: Layout
    features: np.ndarray = field(repr=False, compare=False)
    """(T, F) of float32 or float64; NaN where a value is missing"""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class LabelledClip:
    """A clip with a label for each of its frames."""

    clip: Clip
    labels: tuple[str, ...]
    location: SourceLocation
    """Of the first label"""
    lines: tuple[int, ...] = ()
    """The line of each label, where they do not simply follow one another from 1"""

    def location_of(self, number: int) -> SourceLocation:
        """Where the label of a frame stands; frames are counted from 0."""
        return SourceLocation(self.location.file, self.lines[number] if self.lines else number + 1)


def clip_of(name: str, features: np.ndarray, names: tuple[str, ...] | None = None) -> Clip:
    """A clip of features (T, F) that lie in memory."""
    values = np.ascontiguousarray(features, np.float32 if features.dtype == np.float32 else np.float64)
    digest = hashlib.blake2b(repr(values.shape).encode() + values.tobytes(), digest_size=16).hexdigest()
    return Clip(name, digest, Layout(values.shape[1], names), values)


def parse_number(text: str) -> float:
    """A feature as people write it; NaN for one that is missing: an empty text, ``nan`` or ``na``.

    Raises :class:`DataError` for what is no number, and for one that is infinite or above 1e30.
    """
    plain = text.strip()
    if plain.lower() in _MISSING:
        return math.nan
    try:
        value = float(plain)
    except ValueError:
        value = None
    if value is None or "_" in plain:
        raise DataError(f"{shown(plain)} is no number; mend it, or leave it empty if the value is missing")
    if not abs(value) <= _LARGEST:
        raise DataError(f"{plain:.40} is infinite or too large; mend it, or leave it empty if the value is missing")
    return value


def split_line(line: str) -> list[str]:
    """The values of a frame on a line: between semicolons if it has any, else between commas, tabs, or spaces."""
    separator = next((mark for mark in ";,\t" if mark in line), None)
    return [value.strip() for value in line.split(separator)]


def read_clips(path: Path, label_column: str | None = None, layout: Layout | None = None) -> list[LabelledClip]:
    """The labelled sequences of a folder (and of the folders in it, by their paths), or of one file.

    - ``.npy``: features (T, F); further axes are laid out in a row. ``NAME.labels.txt`` beside it has a label a line.
    - ``.npz``: arrays ``features`` (T, F) and ``labels`` (T), texts or whole numbers. Nothing pickled is ever read.
    - ``.csv``, ``.tsv``: a row for each frame, a header, a column of labels; every other column is a feature.

    All have the same features: tables by name, arrays by number; ``layout`` says which, else the first file does. NaN,
    and an empty cell, is a value that is missing.

    Raises:
        UsageError: for a path that is not there, a folder without such files, a table without a column of labels.
        DataError: with the location, for a sequence that is empty or has no labels, labels and frames of different
            number, features that change, and values that are no finite numbers.
    """
    found: list[LabelledClip] = []
    for file in _files(path):
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        found.append(_read_labelled(file, name, label_column, layout))
        layout = layout or found[0].clip.layout
    return found


def read_clip(path: Path, layout: Layout) -> Clip:
    """One sequence to predict on; labels that are there are not read. Raises as :func:`read_clips` does."""
    if path.suffix.lower() in ARRAYS:
        return clip_of(str(path), _features(path, _load(path)[0], layout), layout.names)
    if path.suffix.lower() in TABLES:
        return clip_of(str(path), _read_table(path, layout).features, layout.names)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the files in it")
    raise UsageError(f"cannot tell what {path} is by its ending; name a file with one of {_listed_suffixes()}")


def table_of(example: LabelledClip) -> bytes:
    """A clip whose features have names as a CSV file, the label in the last column, which :func:`read_clips` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(example.clip.layout.names or ()), "label"])
    for row, label in zip(example.clip.features.tolist(), example.labels, strict=True):
        writer.writerow([*("" if math.isnan(value) else f"{value:.9g}" for value in row), label])
    return text.getvalue().encode()


def split_clips(clips: Sequence[LabelledClip], valid: float, test: float, seed: int) -> Splits[LabelledClip]:
    """Random parts of whole sequences; those of the same content stay together. A fraction of 0 leaves a part empty.

    Raises :class:`DataError` if there are fewer different sequences than parts.
    """
    groups = sorted({clip.clip.digest for clip in clips})
    parts = 1 + (valid > 0) + (test > 0)
    if len(groups) < parts:
        raise DataError(
            f"there are {len(groups)} different sequences, but {parts} parts to make of them; add sequences, or name "
            "other parts with --valid-data and --test-data"
        )
    random.Random(seed).shuffle(groups)
    tests, valids = (max(1, min(round(part * len(groups)), len(groups) // 3)) if part else 0 for part in (test, valid))
    part_of = {
        group: "test" if n < tests else "valid" if n < tests + valids else "train" for n, group in enumerate(groups)
    }
    return Splits(*([clip for clip in clips if part_of[clip.clip.digest] == part] for part in PARTS))


@dataclass(frozen=True)
class Scaling:
    """``(x - mean) / deviation`` for each feature, and which features are missing in places.

    A feature that never changes in training says nothing, and is 0 for good. A missing value is 0, the mean; for each
    feature that was missing somewhere in training, a further one is 1 where it is missing and 0 elsewhere. What lies
    more than 50 deviations off counts as 50.
    """

    mean: np.ndarray
    """(F) of float64"""
    inverse: np.ndarray
    """(F): 1 / deviation, 0 for a feature that never changes"""
    masked: np.ndarray
    """(M) of int64: the features that were missing somewhere"""

    @classmethod
    def fit(cls, clips: Sequence[Clip]) -> Scaling:
        """Means and deviations over all frames that have the feature."""
        count = sum(np.isfinite(clip.features).sum(0) for clip in clips)
        total = sum(np.nansum(clip.features, 0, dtype=np.float64) for clip in clips)
        mean = total / np.maximum(count, 1)
        squares = sum(np.nansum(np.square(clip.features - mean), 0) for clip in clips)
        deviation = np.sqrt(squares / np.maximum(count, 1))
        # Rounding leaves a constant feature with a little deviation, and squares below 1e-300 have lost their digits.
        moves = deviation > np.maximum(1e-6 * np.abs(mean), _LEAST)
        inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=moves)
        frames = sum(len(clip.features) for clip in clips)
        return cls(mean, inverse, np.flatnonzero(count < frames))

    @property
    def size(self) -> int:
        """F + M."""
        return len(self.mean) + len(self.masked)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (..., F) as (..., F + M) of float32."""
        scaled = (features - self.mean) * self.inverse
        # One product tells that nothing is missing and nothing far off (NaN is not below anything): of the single
        # frames of a stream, each of which waits for this, most need no more.
        if len(self.masked) or not np.vdot(scaled, scaled) <= _FURTHEST**2:
            missing = np.isnan(scaled)
            scaled = np.where(missing, 0.0, scaled.clip(-_FURTHEST, _FURTHEST))
            scaled = np.concatenate([scaled, missing[..., self.masked]], -1)
        numbers: np.ndarray = scaled.astype(np.float32)
        return numbers

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        return {"mean": self.mean.tolist(), "inverse": self.inverse.tolist(), "masked": self.masked.tolist()}

    @classmethod
    def from_json(cls, value: Any, where: str) -> Scaling:
        """What :meth:`to_json` wrote; raises :class:`DataError` naming ``where`` for anything else."""
        try:
            mean, inverse = (np.array(value[key], np.float64) for key in ("mean", "inverse"))
            masked = np.array(value["masked"], np.int64)
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{where} lacks the scaling of features; restore it from a copy") from None
        if mean.ndim != 1 or mean.shape != inverse.shape or not all(0 <= number < len(mean) for number in masked):
            raise DataError(f"{where} has a scaling that does not fit together; restore it from a copy")
        return cls(mean, inverse, masked)


_LEAST = 1e-150
_FURTHEST = 50.0


class _Table(NamedTuple):
    """Features (T, F), their names, and labels with their locations; no labels where none were asked for."""

    features: np.ndarray
    names: tuple[str, ...]
    labels: list[tuple[SourceLocation, str]]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in ARRAYS + TABLES and file.is_file()]
    kept = [file for file in inside if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    if not kept:
        raise UsageError(f"{path} has no sequences in it; put files there that end with {_listed_suffixes()}")
    return kept


def _listed_suffixes() -> str:
    return ", ".join(ARRAYS + TABLES[:2])


def _read_labelled(path: Path, name: str, label_column: str | None, layout: Layout | None) -> LabelledClip:
    if path.suffix.lower() in TABLES:
        table = _read_table(path, layout, label_column, labelled=True)
        return _labelled(clip_of(name, table.features, table.names), table.labels)
    if path.suffix.lower() not in ARRAYS:
        raise UsageError(f"cannot tell what {path} is by its ending; name a file with one of {_listed_suffixes()}")
    values, inside = _load(path)
    features = _features(path, values, layout)
    labels = _labels_inside(path, inside) if path.suffix.lower() == ".npz" else _labels_beside(path)
    if len(labels) != len(features):
        raise DataError(f"{path} has {len(features):,} frames but {len(labels):,} labels; each frame needs one")
    return _labelled(clip_of(name, features, layout.names if layout else None), labels)


def _labelled(clip: Clip, labels: Sequence[tuple[SourceLocation, str]]) -> LabelledClip:
    lines = tuple(location.line for location, _ in labels)
    return LabelledClip(clip, tuple(label for _, label in labels), labels[0][0], lines)


def _read_table(path: Path, layout: Layout | None, label_column: str | None = None, labelled: bool = False) -> _Table:
    names: tuple[str, ...] = ()
    label, rows, labels = "", list[list[float]](), list[tuple[SourceLocation, str]]()
    for location, values in read_records(path):
        if not rows:
            header = SourceLocation(location.file, 1)
            label = _label_column(list(values), label_column, layout, header) if labelled else ""
            names = _feature_names([c for c in values if c != label], layout, header, labelled)
        rows.append([_cell(values[name], name, location) for name in names])
        if labelled:
            labels.append((location, _label(values[label], location)))
    return _Table(np.array(rows), names, labels)


def _label_column(columns: Sequence[str], wanted: str | None, layout: Layout | None, header: SourceLocation) -> str:
    known = {*((layout and layout.names) or ())}
    # Beside x, y is a coordinate, though elsewhere it may be what is to be learned.
    if "x" in map(str.lower, columns):
        known |= {"y", "Y"} - {wanted or ""}
    return choose_column([column for column in columns if column not in known], wanted, "label", header)


def _feature_names(
    columns: Sequence[str], layout: Layout | None, header: SourceLocation, labelled: bool
) -> tuple[str, ...]:
    """The columns that are features, in the order of the layout."""
    if layout is None:
        if not columns:
            raise DataError("there is a column of labels but no feature; add columns of numbers", header)
        return tuple(columns)
    if layout.names is None:
        if len(columns) != layout.size:
            raise DataError(f"there are {len(columns)} features, but {layout.size} are wanted; make them alike", header)
        return tuple(columns)
    if lacking := [name for name in layout.names if name not in columns]:
        raise DataError(f"there is no feature {shown(lacking[0])}, which other sequences have; add the column", header)
    if labelled and len(columns) > len(layout.names):
        further = next(column for column in columns if column not in layout.names)
        raise DataError(f"feature {shown(further)} is not in other sequences; take the column out", header)
    return layout.names


def _cell(text: str, column: str, location: SourceLocation) -> float:
    try:
        return parse_number(text)
    except DataError as error:
        raise DataError(f"column {shown(column)}: {error}", location) from None


def _label(text: str, location: SourceLocation) -> str:
    label = text.strip()
    if not label:
        raise DataError("the frame has no label; give it one, or take the frame out", location)
    return label


def _features(path: Path, values: np.ndarray, layout: Layout | None) -> np.ndarray:
    """(T, F), checked."""
    if values.dtype.kind not in "fiub":
        raise DataError(f"{path} holds no numbers but {values.dtype}; save an array of float32")
    if values.ndim < 2 or not values.size:
        what = "has no frames in it" if not values.size else f"has the shape {values.shape}"
        raise DataError(f"{path} {what}; a sequence is an array of (frames, features)")
    rows = values.reshape(len(values), -1)
    if layout and rows.shape[1] != layout.size:
        raise DataError(f"{path} has {rows.shape[1]} features, but {layout.size} are wanted; make them alike")
    if values.dtype.kind == "f":
        wrong = np.argwhere(~(np.abs(rows) <= _LARGEST) & ~np.isnan(rows))
        if len(wrong):
            row, column = wrong[0] + 1
            raise DataError(
                f"{path}: feature {column} of frame {row} is infinite or too large; mend it, or write NaN if it is "
                "missing"
            )
    return rows


def _load(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The features of a file, and the labels where it holds them."""
    first = b""
    try:
        with path.open("rb") as stream:
            first = stream.peek(1)[:1]
            return _arrays(path, np.load(stream, allow_pickle=False))
    except FileNotFoundError:
        raise UsageError(f"no file {path}; check the path") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        # Whatever numpy does not know it takes for a pickle; those of today begin with this byte.
        if "Object arrays" in reason or ("pickled" in reason and first == b"\x80"):
            raise DataError(
                f"{path} holds pickled objects, which could run any code when they are read, so they are not; save "
                "plain arrays of numbers and texts"
            ) from None
        reason = "it has no such header" if "pickled" in reason else reason
        raise DataError(f"{path} is no array of numpy ({reason}); save it again") from None


def _arrays(path: Path, found: Any) -> tuple[np.ndarray, np.ndarray | None]:
    if isinstance(found, np.ndarray):
        return found, None
    with found:
        if "features" not in found:
            there = ", ".join(found.files) or "nothing"
            raise DataError(f"{path} has no array 'features' (there is: {there}); np.savez(file, features=…)")
        return found["features"], found.get("labels")


def _labels_inside(path: Path, labels: np.ndarray | None) -> list[tuple[SourceLocation, str]]:
    if labels is None:
        raise DataError(f"{path} has no labels; add an array: np.savez(file, features=…, labels=…)")
    if labels.dtype.kind not in "Uiub" or labels.ndim != 1:
        raise DataError(
            f"{path} has labels of {labels.dtype} in the shape {labels.shape}; they must be a row of texts or whole "
            "numbers"
        )
    locations = (SourceLocation(str(path), number) for number in range(1, len(labels) + 1))
    return [
        (location, _label(str(label), location)) for location, label in zip(locations, labels.tolist(), strict=True)
    ]


def _labels_beside(path: Path) -> list[tuple[SourceLocation, str]]:
    beside = path.with_name(path.stem + LABELS)
    if not beside.is_file():
        raise DataError(f"{path} has no labels; write them in {beside.name} beside it, one a line")
    return list(_label_lines(beside))


def _label_lines(path: Path) -> Iterator[tuple[SourceLocation, str]]:
    for location, line in read_lines(path):
        yield location, _label(line, location)
