"""Captions files in the forms that people have them in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import regex

from seqkit.data.pictures.picture import SUFFIXES
from seqkit.data.readers import (
    PLAIN,
    DataError,
    FileForm,
    SourceLocation,
    format_ending,
    read_lines,
    read_records,
    shown,
)

_NAME_COLUMNS = ("file", "file_name", "filename", "picture", "image", "name", "path")
_CAPTION_COLUMNS = ("caption", "text", "sentence", "description", "comment")
_NUMBER = regex.compile(r"#\d+$")

Caption = tuple[SourceLocation, str, str]
"""A location, the name of a picture, and a caption"""

Listed = dict[str, tuple[list[str], SourceLocation]]
"""The content of a captions file: name of a picture to its captions and the location of the first"""


def read_listing(file: Path, form: FileForm = PLAIN) -> Listed:
    """The captions of each picture.

    A table has a column of file names (file, image, …) and one of captions; a picture may have several rows. A table
    without a header is ``picture.jpg#0``, a tab, a caption, as in Flickr8k. JSON is ``{"a.png": "caption" or ["one",
    "two"]}``, COCO's ``{"images": […], "annotations": […]}``, or Karpathy's ``{"images": [{"filename": …,
    "sentences": [{"raw": …}]}]}``.

    Raises :class:`DataError` for anything else, and for an empty caption.
    """
    if format_ending(file) == ".json":
        captions = _json_captions(file, form)
    else:
        numbered = not form.columns and _is_numbered(file, form)
        captions = _numbered_captions(file, form) if numbered else _table_captions(file, form)
    listed: Listed = {}
    for location, name, caption in captions:
        text = " ".join(caption.split())
        if not text:
            raise DataError(f"the caption of {shown(name)} is empty; write one, or remove the picture", location)
        listed.setdefault(name, ([], location))[0].append(text)
    return listed


def _numbered_captions(file: Path, form: FileForm) -> Iterator[Caption]:
    """``picture.jpg#0``, a tab, a caption, as Flickr8k has them; or the picture without a number."""
    for location, line in read_lines(file, encoding=form.encoding):
        if not line.strip():
            continue
        name, tab, caption = line.partition("\t")
        if not tab:
            raise DataError(f"no tab in {shown(line)}; a line is a file name, a tab and a caption", location)
        yield location, _NUMBER.sub("", name.strip()), caption


def _is_numbered(file: Path, form: FileForm) -> bool:
    first = next((line for _, line in read_lines(file, encoding=form.encoding) if line.strip()), "")
    return "\t" in first and Path(_NUMBER.sub("", first.partition("\t")[0].strip())).suffix.lower() in SUFFIXES


def _table_captions(file: Path, form: FileForm) -> Iterator[Caption]:
    columns: tuple[str, str] | None = None
    kind = "csv" if format_ending(file) == ".txt" else None
    for location, values in read_records(file, form=kind, encoding=form.encoding, columns=form.columns):
        columns = columns or _columns(list(values), SourceLocation(location.file, 1))
        yield location, values[columns[0]].strip(), values[columns[1]]


def _columns(header: Sequence[str], location: SourceLocation) -> tuple[str, str]:
    lower = {name.lower(): name for name in reversed(header)}
    names, captions = ([lower[name] for name in known if name in lower] for known in (_NAME_COLUMNS, _CAPTION_COLUMNS))
    if not names or not captions:
        raise DataError("the first line must name the columns; call them file and caption", location)
    return names[0], captions[0]


def _json_captions(file: Path, form: FileForm) -> Iterator[Caption]:
    top = SourceLocation(str(file), 1)
    content = _read_json(file, top, form)
    if not isinstance(content, dict):
        raise DataError('the file must hold one object: {"a.png": "its caption"}, or the one of COCO', top)
    if isinstance(content.get("annotations"), list):
        yield from _coco_captions(content, top)
        return
    if isinstance(content.get("images"), list):
        yield from _karpathy_captions(content["images"], top)
        return
    for name, value in content.items():
        captions = value if isinstance(value, list) else [value]
        if not captions or not all(isinstance(caption, str) for caption in captions):
            raise DataError(f"the captions of {shown(name)} are neither a text nor a list of texts; correct them", top)
        yield from ((top, name, caption) for caption in captions)


def _karpathy_captions(images: list[Any], top: SourceLocation) -> Iterator[Caption]:
    for number, image in enumerate(images, 1):
        try:
            folder, sentences = image.get("filepath"), [sentence["raw"] for sentence in image["sentences"]]
            name = f"{folder}/{image['filename']}" if folder else image["filename"]
        except (AttributeError, KeyError, TypeError) as error:
            raise DataError(
                f"image {number} of the list needs a filename and sentences with raw ({error!r:.60} is wrong); "
                "correct it",
                top,
            ) from None
        yield from ((top, str(name), str(sentence)) for sentence in sentences)


def _read_json(file: Path, top: SourceLocation, form: FileForm) -> Any:
    # Read line by line, so that the error for bytes that are not text has its line.
    text = "\n".join(line for _, line in read_lines(file, encoding=form.encoding))
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
