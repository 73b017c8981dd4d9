"""Pictures with captions, as people keep them: a folder with a captions file, or feature vectors made beforehand."""

from __future__ import annotations

import hashlib
import json
import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.data.readers import DataError, SourceLocation, read_lines, read_records, shown
from seqkit.data.splits import Splits
from seqkit.errors import UsageError, missing

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
CAPTIONS = ("captions.tsv", "captions.json", "captions.csv", "captions.jsonl")
VECTORS = ("vectors.npy", "vectors.safetensors")
_NAME_COLUMNS = ("file", "file_name", "filename", "picture", "image", "name", "path")
_CAPTION_COLUMNS = ("caption", "text", "sentence", "description", "comment")


@dataclass(frozen=True)
class Picture:
    """A picture as numbers, known by its name and its content."""

    name: str
    digest: str
    values: np.ndarray = field(repr=False, compare=False)
    """(H, W, 1 or 3) of uint8; or features made beforehand, (places, F) of float32"""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Captioned:
    """A picture with one caption or several; pictures of one group stay in one part of the data."""

    picture: Picture
    captions: tuple[str, ...]
    group: str
    location: SourceLocation


Listed = dict[str, tuple[list[str], SourceLocation]]
"""What a captions file says: file name to captions, and where the first of them stands"""


def pillow(module: str) -> Any:
    """A module of pillow, such as Image."""
    try:
        return import_module(f"PIL.{module}")
    except ImportError:
        raise missing("reading and drawing pictures", "pillow", "data") from None


def digest(values: np.ndarray) -> str:
    """A digest of numbers and of their shape."""
    return hashlib.blake2b(repr(values.shape).encode() + values.tobytes(), digest_size=16).hexdigest()


def read_picture(path: Path, size: int, color: bool, name: str | None = None) -> Picture:
    """A PNG, JPEG, GIF (its first frame), BMP or WebP file as (size, size, 1 or 3): scaled to fit, black around it.

    Raises :class:`UsageError` for a file that is not there and :class:`DataError` for one that is no picture.
    """
    image_module = pillow("Image")
    if not path.is_file():
        raise UsageError(f"no picture {path}; check the path")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes); restore the picture, or take out its caption")
    try:
        with warnings.catch_warnings():
            # A picture of very many pixels is one that cannot be read, whoever made it.
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            with image_module.open(path) as image:
                return _fitted(image, size, color, name or str(path))
    except (OSError, ValueError, SyntaxError, Warning, image_module.DecompressionBombError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].replace(str(path), "the file")
        raise DataError(f"{path} cannot be read as a picture ({reason}); mend or replace it") from None


def _fitted(image: Any, size: int, color: bool, name: str) -> Picture:
    mode = "RGB" if color else "L"
    if image.mode in ("RGBA", "LA", "P", "PA"):
        image = image.convert("RGBA")
        white = pillow("Image").new("RGBA", image.size, "white")
        image = pillow("Image").alpha_composite(white, image)
    image = image.convert(mode)
    if image.size != (size, size):
        image = pillow("ImageOps").pad(image, (size, size))
    values = np.asarray(image).reshape(size, size, -1).copy()
    return Picture(name, digest(values), values)


def read_captioned(path: Path, size: int, color: bool, vectors: Path | None = None) -> list[Captioned]:
    """The pictures of a folder with their captions, in the order of its captions file.

    The file is the first of captions.tsv, .json, .csv and .jsonl that is there; ``path`` may name it, too. Tables have
    a column of file names (file, image, ...) and one of captions; a picture may have several rows. JSON is
    ``{"a.png": "caption" or ["one", "two"]}``, or COCO's ``{"images": [...], "annotations": [...]}``. With ``vectors``
    (see :func:`read_vectors_of`) no picture is read.

    Raises:
        UsageError, DataError: for a folder without captions file; pictures that cannot be read; a caption without its
            picture, a picture without a caption, an empty caption.
    """
    file = path if path.is_file() else _captions_file(path)
    listed = _read_listed(file)
    if not listed:
        raise DataError(f"{file} has no captions in it; write a file name and a caption on each line")
    pictures = read_vectors_of(vectors, list(listed)) if vectors else _read_files(file, listed, size, color)
    return [
        Captioned(picture, tuple(captions), picture.digest, location)
        for picture, (captions, location) in zip(pictures, listed.values(), strict=True)
    ]


def vectors_in(folder: Path) -> Path:
    """The vectors that lie in a folder; raises :class:`UsageError` if none do."""
    for name in VECTORS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} has no {' or '.join(VECTORS)}; put one there, or name it with --vectors")


def read_vectors_of(path: Path, names: Sequence[str]) -> list[Picture]:
    """Feature vectors of these pictures, each as (places, F): all of one width.

    ``.safetensors``: a tensor for each picture, called like it; (F), or (places, F) for a grid. ``.npy``: an array
    (N, F) or (N, places, F), rows in the order in which the captions file first names the pictures; or of the names in
    a text file beside it, one a line, called like it but for the ending ``.names``.

    Raises:
        DataError: for rows and names of different number, widths that differ, names without a vector, bad numbers.
    """
    rows = _safetensors(path, names) if path.suffix == ".safetensors" else _npy(path, names)
    shapes = {row.shape for row in rows}
    if len(shapes) > 1:
        odd = next(name for name, row in zip(names, rows, strict=True) if row.shape != rows[0].shape)
        raise DataError(f"{path}: the vectors of {names[0]} and {odd} differ in shape; make all by the same network")
    for name, row in zip(names, rows, strict=True):
        if not np.isfinite(row).all():
            raise DataError(f"{path}: the vector of {name} has values that are not finite; make it again")
    return [Picture(name, digest(row), row) for name, row in zip(names, rows, strict=True)]


def read_vector(path: Path) -> Picture:
    """One picture's vector from a file of its own: .npy of (F) or (places, F), or .safetensors with one tensor."""
    array = _one_tensor(path) if path.suffix == ".safetensors" else _load_npy(path)
    if array.ndim not in (1, 2):
        raise DataError(f"{path} has the shape {array.shape}; one picture's vector is (F) or (places, F)")
    values = np.atleast_2d(np.asarray(array, np.float32))
    return Picture(str(path), digest(values), values)


def split_groups(examples: Sequence[Captioned], valid: float, test: float, seed: int) -> Splits[Captioned]:
    """Random parts; a group is never in two of them, and each part has one at least.

    Raises :class:`DataError` for fewer than three groups.
    """
    groups = sorted({example.group for example in examples})
    if len(groups) < 3:
        raise DataError(f"there are {len(groups)} different pictures, but three parts to make of them; add pictures")
    random.Random(seed).shuffle(groups)
    tests, valids = (max(1, min(round(part * len(groups)), len(groups) // 3)) for part in (test, valid))
    part = {group: n < tests for n, group in enumerate(groups)}
    held = set(groups[tests : tests + valids])
    return Splits(
        [e for e in examples if not part[e.group] and e.group not in held],
        [e for e in examples if e.group in held],
        [e for e in examples if part[e.group]],
    )


def _captions_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}; name a folder of pictures with a captions file")
    for name in CAPTIONS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} has no {', '.join(CAPTIONS[:-1])} or {CAPTIONS[-1]}; write one: file, tab, caption")


def _read_listed(file: Path) -> Listed:
    rows = _json_rows(file) if file.suffix == ".json" else _table_rows(file)
    listed: Listed = {}
    for location, name, caption in rows:
        text = " ".join(caption.split())
        if not text:
            raise DataError(f"the caption of {shown(name)} is empty; write one, or take the picture out", location)
        listed.setdefault(name, ([], location))[0].append(text)
    return listed


def _read_files(file: Path, listed: Listed, size: int, color: bool) -> list[Picture]:
    folder = file.parent
    for name, (_, location) in listed.items():
        if not (folder / name).is_file():
            raise DataError(
                f"{shown(name)} has a caption but is not in {folder}; add it, or take the line out", location
            )
    known = {(folder / name).resolve() for name in listed}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.resolve() not in known:
            raise DataError(f"{path} has no caption in {file.name}; write one, or move the picture elsewhere")
    return [read_picture(folder / name, size, color, name) for name in listed]


def _table_rows(file: Path) -> Iterator[tuple[SourceLocation, str, str]]:
    columns: tuple[str, str] | None = None
    for location, values in read_records(file):
        columns = columns or _columns(list(values), SourceLocation(location.file, 1))
        yield location, values[columns[0]].strip(), values[columns[1]]


def _columns(header: Sequence[str], location: SourceLocation) -> tuple[str, str]:
    lower = {name.lower(): name for name in reversed(header)}
    names, captions = ([lower[name] for name in known if name in lower] for known in (_NAME_COLUMNS, _CAPTION_COLUMNS))
    if not names or not captions:
        raise DataError("the first line must name the columns; call them file and caption", location)
    return names[0], captions[0]


def _json_rows(file: Path) -> Iterator[tuple[SourceLocation, str, str]]:
    # The content comes line by line, so that bytes that are no text have their location.
    text = "\n".join(line for _, line in read_lines(file))
    top = SourceLocation(str(file), 1)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is no JSON ({error.msg}); mend the line", SourceLocation(str(file), error.lineno)
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is no JSON ({str(error).splitlines()[0]}); mend the file", top) from None
    if not isinstance(content, dict):
        raise DataError('the file must hold one object: {"a.png": "its caption"}, or the one of COCO', top)
    if isinstance(content.get("annotations"), list):
        yield from _coco_rows(content, top)
        return
    for name, value in content.items():
        captions = value if isinstance(value, list) else [value]
        if not captions or not all(isinstance(caption, str) for caption in captions):
            raise DataError(f"the captions of {shown(name)} are no text and no list of texts; mend them", top)
        yield from ((top, name, caption) for caption in captions)


def _coco_rows(content: dict[str, Any], top: SourceLocation) -> Iterator[tuple[SourceLocation, str, str]]:
    try:
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        pairs = [(entry["image_id"], entry["caption"]) for entry in content["annotations"]]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"COCO's format needs images with id and file_name, annotations with image_id and caption ({error!r:.60} "
            "is wrong); mend the file",
            top,
        ) from None
    for number, caption in pairs:
        if number not in names or not isinstance(caption, str):
            raise DataError(f"the annotation of image {number!r:.40} names no image, or no caption; mend it", top)
        yield top, names[number], caption


def _npy(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    array = _load_npy(path)
    if array.ndim not in (2, 3):
        raise DataError(f"{path} has the shape {array.shape}; vectors are (pictures, F) or (pictures, locations, F)")
    beside = path.with_suffix(".names")
    order = [line.strip() for _, line in read_lines(beside) if line.strip()] if beside.is_file() else list(names)
    if len(order) != len(array):
        listed = beside if beside.is_file() else "the captions file"
        raise DataError(f"{path} has {len(array)} rows, but {listed} names {len(order)} pictures; make them agree")
    rows = dict(zip(order, np.asarray(array, np.float32).reshape(len(array), -1, array.shape[-1]), strict=True))
    return [rows[name] if name in rows else _lacks(path, name) for name in names]


def _load_npy(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UsageError(f"no file {path}; check the path") from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is no array of numpy ({str(error).splitlines()[0]}); make it again") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or not array.size:
        raise DataError(f"{path} holds no numbers; save an array of float32")
    return array


def _safetensors(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    found = _load_safetensors(path)
    rows = [found[name] if name in found else _lacks(path, name) for name in names]
    if odd := next((name for name, row in zip(names, rows, strict=True) if row.ndim not in (1, 2)), None):
        raise DataError(f"{path}: the vector of {odd} must be (F) or (places, F)")
    return [np.atleast_2d(np.asarray(row, np.float32)) for row in rows]


def _one_tensor(path: Path) -> np.ndarray:
    found = _load_safetensors(path)
    if len(found) != 1:
        raise DataError(f"{path} has {len(found)} tensors; one picture's file has one")
    return next(iter(found.values()))


def _load_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"no file {path}; check the path") from None
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is no safetensors file ({str(error).splitlines()[0]}); make it again") from None


def _lacks(path: Path, name: str) -> np.ndarray:
    raise DataError(f"{path} has no vector of {name}; add it, or take the picture out of the captions file")
