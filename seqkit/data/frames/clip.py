"""A sequence of frames, with and without labels.

T frames, F features of a frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np

from seqkit.data.groups import joined_units
from seqkit.data.readers import SourceLocation
from seqkit.data.splits import Splits, ordered_splits


class Layout(NamedTuple):
    """The features of a frame: how many, and their names where the files have them (tables do)."""

    size: int
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Clip:
    """A sequence of frames, known by its name and its content."""

    name: str
    digest: str
    layout: Layout
    features: np.ndarray = field(repr=False, compare=False)
    """(T, F) of float32 or float64; NaN where a value is missing"""
    index: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """The columns of its table that say when a frame was, and are not features"""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class LabelledClip:
    """A clip with a label for each of its frames."""

    clip: Clip
    labels: tuple[str, ...]
    location: SourceLocation
    """Of the first label"""
    lines: tuple[int, ...] = ()
    """The line of each label, where they do not simply follow one another from 1"""
    group: str = ""
    """Such as the person in it, if that was requested"""

    def location_of(self, number: int) -> SourceLocation:
        """Where the label of a frame stands; frames are counted from 0."""
        return SourceLocation(self.location.file, self.lines[number] if self.lines else number + 1)

    def each(self) -> Iterator[tuple[int, str]]:
        """All labels, each with the number of its frame."""
        return iter(enumerate(self.labels))


@dataclass(frozen=True)
class LabelSetClip:
    """A clip with a set of labels for each of its frames, sorted; there may be none."""

    clip: Clip
    labels: tuple[tuple[str, ...], ...]
    location: SourceLocation
    """Of the first label"""
    lines: tuple[int, ...] = ()
    """The line of each set, where they do not simply follow one another from 1"""
    group: str = ""
    """Such as the person in it, if that was requested"""

    def location_of(self, number: int) -> SourceLocation:
        """Where the labels of a frame stand; frames are counted from 0."""
        return SourceLocation(self.location.file, self.lines[number] if self.lines else number + 1)

    def each(self) -> Iterator[tuple[int, str]]:
        """All labels, each with the number of its frame."""
        return ((number, label) for number, labels in enumerate(self.labels) for label in labels)

    def joined(self) -> LabelledClip:
        """With the labels of each frame as one text, ``a|b``."""
        return LabelledClip(self.clip, tuple("|".join(labels) for labels in self.labels), self.location, self.lines)


AnyClip = LabelledClip | LabelSetClip
"""A clip with a label, or a set of labels, for each frame"""
L = TypeVar("L", LabelledClip, LabelSetClip)


def clip_of(name: str, features: np.ndarray, names: tuple[str, ...] | None = None) -> Clip:
    """A clip of features (T, F) in memory, whose ``names`` are those of the features."""
    # Whole numbers and half precision become float64, so that scaling loses nothing.
    values = np.ascontiguousarray(features, np.float32 if features.dtype == np.float32 else np.float64)
    digest = hashlib.blake2b(repr(values.shape).encode() + values.tobytes(), digest_size=16).hexdigest()
    return Clip(name, digest, Layout(values.shape[1], names), values)


def split_clips(clips: Sequence[L], valid: float, test: float, seed: int) -> Splits[L]:
    """Random splits of whole sequences; those of the same content stay together, and those of one group, where they
    have one. A fraction of 0 leaves a split empty.

    Raises :class:`DataError` for fewer different sequences, or groups, than splits.
    """
    if any(clip.group for clip in clips):
        unit = joined_units(clips, lambda example: example.group, lambda example: example.clip.digest)
        return ordered_splits(clips, lambda example: str(unit(example)), valid, test, seed, "group")
    return ordered_splits(clips, lambda example: example.clip.digest, valid, test, seed, "sequence")
