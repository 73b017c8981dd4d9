"""Sequences of frames as people keep them: arrays and tables of numbers, with a label for each frame.

T frames, F features of a frame.
"""

from seqkit.data.frames.arrays import ARRAYS, LABELS
from seqkit.data.frames.clip import Clip, LabelledClip, Layout, clip_of, split_clips
from seqkit.data.frames.reading import read_clip, read_clips
from seqkit.data.frames.scaling import Scaling
from seqkit.data.frames.tables import TABLES, table_of
from seqkit.data.frames.values import parse_number, split_line

__all__ = [
    "ARRAYS",
    "LABELS",
    "TABLES",
    "Clip",
    "LabelledClip",
    "Layout",
    "Scaling",
    "clip_of",
    "parse_number",
    "read_clip",
    "read_clips",
    "split_clips",
    "split_line",
    "table_of",
]
