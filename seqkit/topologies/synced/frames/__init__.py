"""Frames: a label for each frame of a video, or anything else measured over time."""

from seqkit.answers.steps import Framed, FramedSets, StreamedLabel
from seqkit.topologies.synced.frames.codec import FrameBatch, FrameCodec, FrameItem
from seqkit.topologies.synced.frames.head import FrameHead
from seqkit.topologies.synced.frames.options import FrameOptions
from seqkit.topologies.synced.frames.set_model import LabelSetFrameCodec, LabelSetFrameHead, LabelSetStream
from seqkit.topologies.synced.frames.stream import FrameStream
from seqkit.topologies.synced.frames.task import SyncedFrames

__all__ = [
    "FrameBatch",
    "FrameCodec",
    "FrameHead",
    "FrameItem",
    "FrameOptions",
    "FrameStream",
    "Framed",
    "FramedSets",
    "LabelSetFrameCodec",
    "LabelSetFrameHead",
    "LabelSetStream",
    "StreamedLabel",
    "SyncedFrames",
]
