"""Many to many, synced: a label for each frame of a video, or anything else measured over time."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import option
from seqkit.data import Splits
from seqkit.data.frames import LabelledClip
from seqkit.data.sources.strips import GAP, strips
from seqkit.errors import UsageError
from seqkit.topologies.synced.frames import (
    FrameBatch,
    FrameCodec,
    Framed,
    FramedSets,
    FrameHead,
    FrameOptions,
    FrameStream,
    LabelSetFrameHead,
    StreamedLabel,
    SyncedFrames,
)

__all__ = [
    "TASK",
    "Answer",
    "FrameBatch",
    "FrameCodec",
    "FrameConfig",
    "FrameHead",
    "FrameStream",
    "Framed",
    "FramedSets",
    "Frames",
    "LabelSetFrameHead",
]

Answer = StreamedLabel
_STRIPS = "strips"


@dataclass(frozen=True, kw_only=True)
class FrameConfig(FrameOptions):
    """Defaults of the task."""

    data: str = option(_STRIPS, f"{_STRIPS}, or a folder of sequences: .npy, .npz, .csv, .tsv", path=True)
    strips: int = option(4000, "strips: number of training sequences", minimum=10, reads=True)
    window: int = option(1, "strips: columns per frame", minimum=1, below=9, reads=True)


class Frames(SyncedFrames[FrameConfig]):
    """Digits in the middle of a moving camera's view; or any sequences of frames with labels."""

    name = "frames"
    summary = "a label for each frame of a video"
    config = FrameConfig
    data_sets = {_STRIPS: "a camera pans over strips of handwritten digits; which is in its middle?"}
    background = (GAP,)

    def read(self, config: FrameConfig, notes: list[str]) -> Splits[LabelledClip]:
        """Strips with a tenth as many to validate and a fifth to test, or the sequences of a folder."""
        if config.data != _STRIPS:
            return super().read(config, notes)
        if config.valid_data or config.test_data:
            raise UsageError("strips have splits of their own; leave out --valid-data and --test-data")
        return strips((config.strips, config.strips // 10, config.strips // 5), config.window, config.seed_of_splits)


TASK = Frames()
