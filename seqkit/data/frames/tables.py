"""Frames in tables: a row for each frame, a column for each feature, and one for the labels.

T frames, F features of a frame.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqkit.data.frames.clip import LabelledClip, Layout
from seqkit.data.frames.time_columns import ALL_COLUMNS, FeatureColumns, index_columns
from seqkit.data.frames.values import Labels, parse_label, parse_number
from seqkit.data.readers import (
    PLAIN,
    DataError,
    FileForm,
    SourceLocation,
    choose_column,
    listed,
    marked_columns,
    read_records,
    shown,
    split_names,
)

TABLES = (".csv", ".tsv", ".tab")


class FrameTable(NamedTuple):
    """Features (T, F), their names, and the label of each frame; no labels if they were not read."""

    features: np.ndarray
    names: tuple[str, ...]
    labels: Labels
    group: str = ""
    """What the sequence belongs to, if a column says so"""
    times: tuple[str, ...] = ()
    """The columns that say when a frame was"""


def read_frame_table(
    path: Path,
    layout: Layout | None,
    label_column: str | None = None,
    labelled: bool = False,
    several: bool = False,
    form: FileForm = PLAIN,
    group_column: str | None = None,
    chosen: FeatureColumns = ALL_COLUMNS,
) -> FrameTable:
    """The frames of a table, features in the order of the layout; with their labels if ``labelled``.

    With ``several``, a frame may have any number of labels: as the column has them, or ``a|b`` of the columns that are
    1, where ``label_column`` names several. ``group_column`` is no feature, and has one value in all of the file; only
    the first file (without a layout) must have it. Nor are columns of time, and those that ``chosen`` ignores.
    """
    records = [*read_records(path, encoding=form.encoding, columns=form.columns)]
    present = [*records[0].values] if records else []
    header = SourceLocation(records[0].location.file if records else str(path), 1)
    columns = _label_columns(present, label_column, layout, header, several) if labelled else []
    if group_column is not None and layout is None:
        choose_column(present, group_column, "group", header)
    others = [column for column in present if column not in (*columns, group_column)]
    names, index = _feature_names(others, layout, header, labelled, chosen, [record.values for record in records])
    group, rows, labels = "", list[list[float]](), list[tuple[SourceLocation, str]]()
    for location, values in records:
        group = _same_group(group, values.get(group_column or "", "").strip(), location)
        rows.append([_number(values[name], name, location, layout) for name in names])
        if len(columns) > 1:
            labels.append((location, "|".join(marked_columns(values, columns, location))))
        elif labelled:
            labels.append((location, parse_label(values[columns[0]], location, several)))
    return FrameTable(np.array(rows), names, labels, group, index)


def _same_group(before: str, group: str, location: SourceLocation) -> str:
    """The group of a sequence, which its first row may name alone."""
    if before and group and group != before:
        what = f"the group is {shown(group)}, but {shown(before)} above; a sequence is of one group, so divide the file"
        raise DataError(what, location)
    return before or group


def table_of(example: LabelledClip) -> bytes:
    """A clip with named features as a CSV file with the labels in the last column, as it can be read again."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(example.clip.layout.names or ()), "label"])
    for row, label in zip(example.clip.features.tolist(), example.labels, strict=True):
        # Nine digits give every float32 back exactly.
        writer.writerow([*("" if math.isnan(value) else f"{value:.9g}" for value in row), label])
    return text.getvalue().encode()


def _label_columns(
    columns: Sequence[str], wanted: str | None, layout: Layout | None, header: SourceLocation, several: bool
) -> list[str]:
    names = split_names(columns, wanted) if several else []
    if len(names) > 1:
        return [_label_column(columns, name, layout, header) for name in names]
    return [_label_column(columns, wanted, layout, header)]


def _label_column(columns: Sequence[str], wanted: str | None, layout: Layout | None, header: SourceLocation) -> str:
    features = {*((layout and layout.names) or ())}
    # Beside x, y is a coordinate, though elsewhere it may well be the label.
    if "x" in map(str.lower, columns):
        features |= {"y", "Y"} - {wanted or ""}
    return choose_column([column for column in columns if column not in features], wanted, "label", header)


def _feature_names(
    columns: Sequence[str],
    layout: Layout | None,
    header: SourceLocation,
    labelled: bool,
    chosen: FeatureColumns,
    rows: Sequence[Mapping[str, str]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the columns beside labels and group those that are features, in the order of the layout; and an index."""
    if layout is not None and layout.names is not None:
        if lacking := [name for name in layout.names if name not in columns]:
            raise DataError(_what_is_lacking(lacking, columns, labelled), header)
        left = [column for column in columns if column not in layout.names]
        extra = _features_among(left, chosen._replace(used=None), header, rows, layout)[0] if labelled else []
        if extra and not chosen.used:
            raise DataError(f"feature {shown(extra[0])} is not in other sequences; remove the column", header)
        return layout.names, ()
    features, index = _features_among(columns, chosen, header, rows, layout)
    if layout is None and not features:
        raise DataError("there is a column of labels but no feature; add columns of numbers", header)
    if layout is not None and len(features) != layout.size:
        # A model of arrays has read all columns.
        if len(columns) != layout.size:
            what = f"there are {len(features)} features, but {layout.size} are expected; all must have the same"
            raise DataError(what, header)
        features, index = list(columns), ()
    return tuple(features), index


def _what_is_lacking(names: Sequence[str], columns: Sequence[str], labelled: bool) -> str:
    what = f"feature {shown(names[0])} is" if len(names) == 1 else f"features {listed([*map(shown, names)])} are"
    who = "other sequences have" if labelled else "the model reads"
    them = "the column" if len(names) == 1 else "the columns"
    there = listed(columns) or "none"
    return f"{what} missing, which {who} (the columns here are {there}); add {them}, or name all columns with --columns"


def _features_among(
    columns: Sequence[str],
    chosen: FeatureColumns,
    header: SourceLocation,
    rows: Sequence[Mapping[str, str]],
    layout: Layout | None,
) -> tuple[list[str], tuple[str, ...]]:
    """The features among the columns, and the index among them."""
    used, ignored = (_listed(columns, wanted, header, layout) for wanted in chosen)
    if used:
        return [column for column in used if column not in ignored], ()
    left = [column for column in columns if column not in ignored]
    index = index_columns(rows, left)
    return [column for column in left if column not in index], index


def _listed(columns: Sequence[str], wanted: str | None, header: SourceLocation, layout: Layout | None) -> list[str]:
    """The columns that an option lists; of all files only the first must have them."""
    names = split_names(columns, wanted) or ([wanted] if wanted else [])
    if layout is not None:
        return [name for name in names if name in columns]
    if unknown := [name for name in names if name not in columns]:
        options, those = "--feature-columns and --ignore-columns", ", ".join(columns)
        raise DataError(f"no column {shown(unknown[0])}, which {options} may name (the columns are {those})", header)
    return names


def _number(text: str, column: str, location: SourceLocation, layout: Layout | None) -> float:
    try:
        return parse_number(text)
    except DataError as error:
        # Of the first file: with a layout it is settled which columns are features.
        other = "" if layout else f"; if the column is no feature, leave it out: --ignore-columns {shown(column)}"
        raise DataError(f"column {shown(column)}: {error}{other}", location) from None
