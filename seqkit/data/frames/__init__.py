"""Sequences of frames as people keep them: arrays and tables of numbers, with a label for each frame.

T frames, F features of a frame.
"""

from seqkit.data.frames.arrays import ARRAYS, LABELS
from seqkit.data.frames.clip import AnyClip, Clip, LabelledClip, LabelSetClip, Layout, clip_of, split_clips
from seqkit.data.frames.reading import (
    each_clip,
    each_label_set_clip,
    has_label_sets,
    holds_frames,
    read_clip,
    read_clips,
    read_label_set_clips,
    sequence_files,
)
from seqkit.data.frames.scaling import Scaling
from seqkit.data.frames.tables import TABLES, table_of
from seqkit.data.frames.time_columns import FeatureColumns, names_index
from seqkit.data.frames.values import parse_number, split_line

__all__ = [
    "ARRAYS",
    "LABELS",
    "TABLES",
    "AnyClip",
    "Clip",
    "FeatureColumns",
    "LabelSetClip",
    "LabelledClip",
    "Layout",
    "Scaling",
    "clip_of",
    "each_clip",
    "each_label_set_clip",
    "has_label_sets",
    "holds_frames",
    "names_index",
    "parse_number",
    "read_clip",
    "read_clips",
    "read_label_set_clips",
    "sequence_files",
    "split_clips",
    "split_line",
    "table_of",
]
