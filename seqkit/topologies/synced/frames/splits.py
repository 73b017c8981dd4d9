"""The three splits of labelled sequences: folders that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from seqkit.data import DataError, Splits
from seqkit.data.frames import AnyClip, Scaling, split_clips
from seqkit.data.groups import notes_on_groups
from seqkit.data.readers import shown
from seqkit.topologies.synced.frames.options import FrameOptions
from seqkit.topologies.synced.frames.targets import target_in

_FOLDERS = ("train", "valid", "test")
"""Folders inside ``data`` that are splits of their own."""


def clip_splits(config: FrameOptions, notes: list[str]) -> Splits[Any]:
    """Reads the folders, and splits off whole sequences at random for what is not given.

    Raises :class:`DataError` if all frames have one label, and for a label of a given split that training has not.
    """
    folders = _folders(config)
    target = target_in(config, folders["train"], notes)
    train = target.read(config, folders["train"], None)
    layout = train[0].clip.layout
    own = {s: target.read(config, folders[s], layout) for s in ("valid", "test") if s in folders}
    target.check([clip for clips in (train, *own.values()) for clip in clips])
    for clips in own.values():
        check_labels(clips, labels_in(train))
    valid_fraction = 0.0 if "valid" in own else config.valid_fraction
    test_fraction = 0.0 if "test" in own else config.test_fraction
    splits = split_clips(train, valid_fraction, test_fraction, config.seed_of_splits)
    splits = Splits(splits.train, own.get("valid", splits.valid), own.get("test", splits.test))
    if config.group_column:
        notes.extend(notes_on_groups(splits, lambda clip: clip.group, config.group_column))
    notes.extend(_notes(splits))
    return splits


def labels_in(clips: Iterable[AnyClip]) -> set[str]:
    """All labels of some sequences."""
    return {label for clip in clips for _, label in clip.each()}


def check_labels(clips: Iterable[AnyClip], known: Collection[str]) -> None:
    """Raises :class:`DataError` at the first frame whose label is not among those known."""
    for clip in clips:
        for number, label in clip.each():
            if label not in known:
                what = f"label {shown(label)} is not in the training split; correct it, or add sequences that have it"
                raise DataError(what, clip.location_of(number))


def _folders(config: FrameOptions) -> dict[str, Path]:
    """The folder of each split that has one."""
    data = Path(config.data)
    inside = {split: data / split for split in _FOLDERS if (data / split).is_dir()}
    folders = inside if "train" in inside else {"train": data}
    named = {"valid": config.valid_data, "test": config.test_data}
    return {**folders, **{split: Path(path) for split, path in named.items() if path}}


def _notes(splits: Splits[Any]) -> Iterator[str]:
    """What people should know of their splits."""
    if index := splits.train[0].clip.index:
        yield (
            f"column {' and '.join(map(shown, index))} says when each frame was recorded and is not used as a feature; "
            "--feature-columns names all features, if it is one"
        )
    known = labels_in(splits.train)
    digests = {clip.clip.digest for clip in splits.train}
    for name, clips in (("validation", splits.valid), ("test", splits.test)):
        if unseen := sorted(labels_in(clips) - known):
            yield (
                f"label {shown(unseen[0])} is in the {name} split alone, so it cannot be learned; add sequences that "
                "have it, or choose the splits yourself"
            )
        if shared := sum(clip.clip.digest in digests for clip in clips):
            yield f"{shared} sequences of the {name} split are also in the training split: its score will be too high"
    masked = Scaling.fit([clip.clip for clip in splits.train]).masked
    if len(masked):
        yield f"{len(masked)} of {splits.train[0].clip.layout.size} features are missing in places"
