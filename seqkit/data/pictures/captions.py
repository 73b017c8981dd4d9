"""Pictures with their captions: a folder, and the captions file in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqkit.data.pictures.listing import Listed, read_listing
from seqkit.data.pictures.picture import SUFFIXES, Picture, has_color, read_picture
from seqkit.data.pictures.vectors import read_vectors_of
from seqkit.data.readers import PLAIN, DataError, FileForm, SourceLocation, shown
from seqkit.data.splits import Splits, ordered_splits
from seqkit.errors import UsageError

CAPTIONS = ("captions.tsv", "captions.json", "captions.csv", "captions.jsonl", "captions.txt")


@dataclass(frozen=True)
class Captioned:
    """A picture with one caption or several; pictures of one group stay in one split."""

    picture: Picture
    captions: tuple[str, ...]
    group: str
    location: SourceLocation


def read_captioned(
    path: Path,
    size: int,
    color: bool | None,
    vectors: Path | None = None,
    notes: list[str] | None = None,
    form: FileForm = PLAIN,
) -> list[Captioned]:
    """The pictures of a folder with their captions, in the order of its captions file.

    The file is the first of captions.tsv, .json, .csv, .jsonl and .txt that exists; ``path`` may name it, too; see
    :func:`~seqkit.data.pictures.listing.read_listing` for its forms. A picture is looked for beside the file, by its
    name whatever the form of its accents, then in the folders below and beside that. With ``vectors`` (see
    :func:`read_vectors_of`) no picture is read. A ``color`` of None is that of the pictures: grey if all of them are.
    ``notes`` says how many pictures have no caption, and that pictures turned out to have color.
    ``form`` is that of the captions file.

    Raises:
        UsageError, DataError: for a folder without captions file; pictures that cannot be read; a caption without its
            picture, an empty caption.
    """
    file = path if path.is_file() else _captions_file(path)
    listed = read_listing(file, form)
    if not listed:
        raise DataError(f"{file} has no captions in it; write a file name and a caption on each line")
    if vectors:
        pictures = read_vectors_of(vectors, list(listed))
    else:
        # Somebody who names the file may have its pictures in another folder; one who names the folder has not.
        beside = _folders_beside(file.parent) if path.is_file() else []
        places = _find_pictures(file, listed, beside, [] if notes is None else notes)
        pictures = _read_pictures(places, size, color, [] if notes is None else notes)
    return [
        Captioned(picture, tuple(captions), picture.digest, location)
        for picture, (captions, location) in zip(pictures, listed.values(), strict=True)
    ]


def _read_pictures(places: Mapping[str, Path], size: int, color: bool | None, notes: list[str]) -> list[Picture]:
    pictures = [read_picture(place, size, color is not False, name) for name, place in places.items()]
    if color is not None:
        return pictures
    if any(map(has_color, pictures)):
        notes.append("the pictures are read in colour; --color false reads them in grey")
        return pictures
    return [read_picture(place, size, False, name) for name, place in places.items()]


def split_groups(examples: Sequence[Captioned], valid: float, test: float, seed: int) -> Splits[Captioned]:
    """Random splits; a group is never in two of them, and each has one at least.

    Raises :class:`DataError` for fewer groups than splits.
    """
    return ordered_splits(examples, lambda example: example.group, valid, test, seed, "picture")


def _captions_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}; give a folder of pictures with a captions file")
    for name in CAPTIONS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} has no {', '.join(CAPTIONS[:-1])} or {CAPTIONS[-1]}; write one: file, tab, caption")


def _find_pictures(file: Path, listed: Listed, beside: Sequence[Path], notes: list[str]) -> dict[str, Path]:
    """The file of each picture; says which pictures of the folder have no caption."""
    folder = file.parent
    inside = {_normal(str(path.relative_to(folder))): path for path in _pictures_in(folder)}
    by_name = {_normal(path.name): path for path in reversed([*inside.values(), *beside])}
    places: dict[str, Path] = {}
    for name, (_, location) in listed.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"{shown(name)} leads out of the folder; name pictures inside {folder}", location)
        place = inside.get(_normal(name)) or by_name.get(_normal(Path(name).name))
        if place is None:
            raise DataError(f"{shown(name)} has a caption but is not in {folder}; add it, or remove the line", location)
        places[name] = place
    _note_others(inside, places, file, notes)
    return places


def _pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder and those below it, but for hidden files, such as a Mac leaves."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES)
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _folders_beside(folder: Path) -> list[Path]:
    """The pictures in folders beside one: COCO has captions in one folder and pictures in another."""
    folders = [other for other in sorted(folder.parent.iterdir()) if other.is_dir() and other != folder]
    return [path for other in folders for path in sorted(other.iterdir()) if path.suffix.lower() in SUFFIXES]


def _normal(name: str) -> str:
    """One form for a name: where a file system writes é as e and an accent, a captions file seldom does."""
    return unicodedata.normalize("NFC", name.removeprefix("./").replace("\\", "/"))


def _note_others(inside: Mapping[str, Path], places: Mapping[str, Path], file: Path, notes: list[str]) -> None:
    known = set(places.values())
    others = [name for name, path in inside.items() if path not in known]
    if others:
        many = f"{len(others):,} pictures have" if len(others) > 1 else "1 picture has"
        notes.append(f"{many} no caption in {file.name} and will not be used: {', '.join(map(shown, others[:3]))}")
