"""Pictures with their captions: a folder, and a captions file in any of the usual forms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.data.pictures.picture import SUFFIXES, Picture, read_picture
from seqkit.data.pictures.vectors import read_vectors_of
from seqkit.data.readers import DataError, SourceLocation, read_lines, read_records, shown
from seqkit.data.splits import Splits, ordered_splits
from seqkit.errors import UsageError

CAPTIONS = ("captions.tsv", "captions.json", "captions.csv", "captions.jsonl")
_NAME_COLUMNS = ("file", "file_name", "filename", "picture", "image", "name", "path")
_CAPTION_COLUMNS = ("caption", "text", "sentence", "description", "comment")


@dataclass(frozen=True)
class Captioned:
    """A picture with one caption or several; pictures of one group stay in one split."""

    picture: Picture
    captions: tuple[str, ...]
    group: str
    location: SourceLocation


Caption = tuple[SourceLocation, str, str]
"""A location, the name of a picture, and a caption"""

Listed = dict[str, tuple[list[str], SourceLocation]]
"""The content of a captions file: name of a picture to its captions and the location of the first"""


def read_captioned(path: Path, size: int, color: bool, vectors: Path | None = None) -> list[Captioned]:
    """The pictures of a folder with their captions, in the order of its captions file.

    The file is the first of captions.tsv, .json, .csv and .jsonl that exists; ``path`` may name it, too. Tables have a
    column of file names (file, image, ...) and one of captions; a picture may have several rows. JSON is
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
    pictures = read_vectors_of(vectors, list(listed)) if vectors else _read_pictures(file, listed, size, color)
    return [
        Captioned(picture, tuple(captions), picture.digest, location)
        for picture, (captions, location) in zip(pictures, listed.values(), strict=True)
    ]


def split_groups(examples: Sequence[Captioned], valid: float, test: float, seed: int) -> Splits[Captioned]:
    """Random splits; a group is never in two of them, and each has one at least.

    Raises :class:`DataError` for fewer groups than splits.
    """
    return ordered_splits(examples, lambda example: example.group, valid, test, seed, "picture")


def _captions_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}; name a folder of pictures with a captions file")
    for name in CAPTIONS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} has no {', '.join(CAPTIONS[:-1])} or {CAPTIONS[-1]}; write one: file, tab, caption")


def _read_listed(file: Path) -> Listed:
    captions = _json_captions(file) if file.suffix == ".json" else _table_captions(file)
    listed: Listed = {}
    for location, name, caption in captions:
        text = " ".join(caption.split())
        if not text:
            raise DataError(f"the caption of {shown(name)} is empty; write one, or take the picture out", location)
        listed.setdefault(name, ([], location))[0].append(text)
    return listed


def _read_pictures(file: Path, listed: Listed, size: int, color: bool) -> list[Picture]:
    folder = file.parent
    for name, (_, location) in listed.items():
        if not (folder / name).is_file():
            raise DataError(
                f"{shown(name)} has a caption but is not in {folder}; add it, or take the line out", location
            )
    # A picture without a caption is more often a misspelled line than one to be left out.
    known = {(folder / name).resolve() for name in listed}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.resolve() not in known:
            raise DataError(f"{path} has no caption in {file.name}; write one, or move the picture elsewhere")
    return [read_picture(folder / name, size, color, name) for name in listed]


def _table_captions(file: Path) -> Iterator[Caption]:
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


def _json_captions(file: Path) -> Iterator[Caption]:
    top = SourceLocation(str(file), 1)
    content = _read_json(file, top)
    if not isinstance(content, dict):
        raise DataError('the file must hold one object: {"a.png": "its caption"}, or the one of COCO', top)
    if isinstance(content.get("annotations"), list):
        yield from _coco_captions(content, top)
        return
    for name, value in content.items():
        captions = value if isinstance(value, list) else [value]
        if not captions or not all(isinstance(caption, str) for caption in captions):
            raise DataError(f"the captions of {shown(name)} are neither a text nor a list of texts; correct them", top)
        yield from ((top, name, caption) for caption in captions)


def _read_json(file: Path, top: SourceLocation) -> Any:
    # Read line by line, so that the error for bytes that are not text has its line.
    text = "\n".join(line for _, line in read_lines(file))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        location = SourceLocation(str(file), error.lineno)
        raise DataError(f"this is not JSON ({error.msg}); correct the line", location) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is not JSON ({str(error).splitlines()[0]}); correct the file", top) from None


def _coco_captions(content: dict[str, Any], top: SourceLocation) -> Iterator[Caption]:
    try:
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        captions = [(entry["image_id"], entry["caption"]) for entry in content["annotations"]]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"COCO's format needs images with id and file_name, annotations with image_id and caption ({error!r:.60} "
            "is wrong); correct the file",
            top,
        ) from None
    for number, caption in captions:
        if number not in names or not isinstance(caption, str):
            raise DataError(f"the annotation of image {number!r:.40} names no image, or no caption; correct it", top)
        yield top, names[number], caption
