"""Reads the sequences of a folder, or one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from seqkit.data.frames.arrays import ARRAYS, has_matrix, read_array, read_labelled_array
from seqkit.data.frames.clip import Clip, LabelledClip, LabelSetClip, Layout, clip_of
from seqkit.data.frames.tables import TABLES, read_frame_table
from seqkit.data.frames.time_columns import ALL_COLUMNS, FeatureColumns
from seqkit.data.frames.values import Labels
from seqkit.data.readers import (
    PLAIN,
    DataError,
    FileForm,
    SourceLocation,
    common_mark,
    read_records,
    shown,
    split_labels,
)
from seqkit.errors import UsageError

_LOOKED_AT = 20
"""Sequences, of those that are not read as a whole, that show the mark between labels."""


def read_clips(
    path: Path,
    label_column: str | None = None,
    layout: Layout | None = None,
    form: FileForm = PLAIN,
    group_column: str | None = None,
    chosen: FeatureColumns = ALL_COLUMNS,
) -> list[LabelledClip]:
    """The labelled sequences of a folder (and of the folders in it, by their paths), or of one file.

    - ``.npy``: features (T, F); more axes are laid out in a row. ``NAME.labels.txt`` beside it has a label a line.
    - ``.npz``: arrays ``features`` (T, F) and ``labels`` (T), texts or whole numbers. Nothing pickled is ever read.
    - ``.csv``, ``.tsv``: a row for each frame, a header, a column of labels; every other column is a feature, but for
      columns of time (:mod:`seqkit.data.frames.time_columns`); ``chosen`` says otherwise.

    All have the same features: tables by name, arrays by number; ``layout`` says which, else the first file does. NaN,
    and an empty cell, is a value that is missing.

    Raises:
        UsageError: for a path that does not exist, a folder without such files, a table without a column of labels.
        DataError: with the location, for a sequence that is empty or has no labels, labels and frames of different
            number, features that change, and values that are not finite numbers.
    """
    return [*each_clip(path, label_column, layout, form, group_column, chosen=chosen)]


def each_clip(
    path: Path,
    label_column: str | None = None,
    layout: Layout | None = None,
    form: FileForm = PLAIN,
    group_column: str | None = None,
    several: bool = False,
    chosen: FeatureColumns = ALL_COLUMNS,
) -> Iterator[LabelledClip]:
    """What :func:`read_clips` reads, one after the other; with ``several``, a frame may have any number of labels."""
    for file in sequence_files(path):
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        clip = _read_labelled(file, name, label_column, layout, several, form, group_column, chosen)
        layout = layout or clip.clip.layout
        yield clip


def read_label_set_clips(
    path: Path,
    label_column: str | None = None,
    layout: Layout | None = None,
    separator: str | None = None,
    form: FileForm = PLAIN,
    group_column: str | None = None,
    chosen: FeatureColumns = ALL_COLUMNS,
) -> list[LabelSetClip]:
    """The sequences of a folder or file with a set of labels for each frame.

    Files are those of :func:`read_clips`. Labels are joined by a mark (``separator``; None: ``|`` if there is one
    anywhere, else ``;``, else ``,``), or 0 and 1: in several columns of a table, in a matrix (T, K) of an ``.npz``,
    whose columns have their numbers as names. Nothing is no label.

    Raises as :func:`read_clips` does, and :class:`DataError` if no frame has a label.
    """
    clips = [*each_clip(path, label_column, layout, form, group_column, several=True, chosen=chosen)]
    mark = separator or common_mark([label for clip in clips for label in clip.labels])
    sets = [_with_sets(clip, mark) for clip in clips]
    if not any(any(clip.labels) for clip in sets):
        raise DataError(f"{path}: no frame has a label; check the labels, or name their column with --label-column")
    return sets


def each_label_set_clip(
    path: Path,
    label_column: str | None = None,
    separator: str | None = None,
    form: FileForm = PLAIN,
    group_column: str | None = None,
    chosen: FeatureColumns = ALL_COLUMNS,
) -> Iterator[LabelSetClip]:
    """What :func:`read_label_set_clips` reads, one after the other; the mark between labels is that of the first."""
    clips = each_clip(path, label_column, None, form, group_column, several=True, chosen=chosen)
    first = list(islice(clips, _LOOKED_AT))
    mark = separator or common_mark([label for clip in first for label in clip.labels])
    return (_with_sets(clip, mark) for clip in chain(first, clips))


def _with_sets(clip: LabelledClip, mark: str) -> LabelSetClip:
    labels = tuple(split_labels(label, mark) for label in clip.labels)
    return LabelSetClip(clip.clip, labels, clip.location, clip.lines, clip.group)


def has_label_sets(path: Path, label_column: str | None) -> bool:
    """Whether sequences leave no doubt that a frame may have several labels: columns, or a matrix of 0 and 1."""
    if label_column is not None and "," in label_column:
        return True
    return any(has_matrix(file) for file in sequence_files(path)[:1] if file.suffix.lower() in ARRAYS)


def read_clip(path: Path, layout: Layout, form: FileForm = PLAIN) -> Clip:
    """One sequence to predict on; its labels, if it has any, are not read. Raises as :func:`read_clips` does."""
    if path.suffix.lower() in ARRAYS:
        return clip_of(str(path), read_array(path, layout), layout.names)
    if path.suffix.lower() in TABLES:
        return clip_of(str(path), read_frame_table(path, layout, form=form).features, layout.names)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the files in it")
    raise _unknown_ending(path)


def holds_frames(path: Path, layout: Layout, form: FileForm = PLAIN) -> bool:
    """Whether a file is an array or a table of frames, with or without the features of the layout.

    A table that lacks them and has the name of a sequence in its first row is a list of files.
    """
    if path.suffix.lower() not in TABLES:
        return path.suffix.lower() in ARRAYS
    records = read_records(path, encoding=form.encoding, columns=form.columns)
    first: Mapping[str, str] = next((record.values for record in records), {})
    if {*layout.names} <= {*first} if layout.names else len(first) >= layout.size:
        return True
    return not any(cell.strip().lower().endswith(ARRAYS + TABLES) for cell in first.values())


def sequence_files(path: Path) -> list[Path]:
    """The sequences of a folder, and of the folders in it; or the file itself."""
    if not path.is_dir():
        return [path]
    inside = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in ARRAYS + TABLES and file.is_file()]
    visible = [file for file in inside if not any(name.startswith(".") for name in file.relative_to(path).parts)]
    if not visible:
        raise UsageError(f"{path} has no sequences in it; put files there that end with {_listed_endings()}")
    return visible


def _read_labelled(
    path: Path,
    name: str,
    label_column: str | None,
    layout: Layout | None,
    several: bool = False,
    form: FileForm = PLAIN,
    group_column: str | None = None,
    chosen: FeatureColumns = ALL_COLUMNS,
) -> LabelledClip:
    if path.suffix.lower() in TABLES:
        table = read_frame_table(path, layout, label_column, True, several, form, group_column, chosen)
        if group_column and not layout and not table.group:
            raise DataError(f"column {shown(group_column)} is empty; name the group", SourceLocation(str(path), 2))
        clip = replace(clip_of(name, table.features, table.names), index=table.times)
        return replace(_labelled(clip, table.labels), group=table.group)
    if group_column and not layout:
        raise UsageError(f"--group-column is for tables, and {path} is not one; leave it out")
    if path.suffix.lower() in ARRAYS:
        features, labels = read_labelled_array(path, layout, several)
        return _labelled(clip_of(name, features, layout.names if layout else None), labels)
    raise _unknown_ending(path)


def _labelled(clip: Clip, labels: Labels) -> LabelledClip:
    lines = tuple(location.line for location, _ in labels)
    return LabelledClip(clip, tuple(label for _, label in labels), labels[0][0], lines)


def _unknown_ending(path: Path) -> UsageError:
    return UsageError(f"cannot tell what {path} is by its ending; name a file with one of {_listed_endings()}")


def _listed_endings() -> str:
    return ", ".join(ARRAYS + TABLES[:2])
