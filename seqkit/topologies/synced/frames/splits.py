"""The three splits of labelled sequences: folders that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from seqkit.data import DataError, Splits
from seqkit.data.frames import LabelledClip, Scaling, read_clips, split_clips
from seqkit.data.readers import shown
from seqkit.topologies.synced.frames.options import FrameOptions

_FOLDERS = ("train", "valid", "test")
"""Folders inside ``data`` that are splits of their own."""


def clip_splits(config: FrameOptions, notes: list[str]) -> Splits[LabelledClip]:
    """Reads the folders, and splits off whole sequences at random for what is not given.

    Raises :class:`DataError` if all frames have one label, and for a label of a given split that training has not.
    """
    folders = _folders(config)
    train = read_clips(folders["train"], config.label_column, None, config.form)
    layout = train[0].clip.layout
    own = {
        s: read_clips(folders[s], config.label_column, layout, config.form) for s in ("valid", "test") if s in folders
    }
    _check_several_labels([clip for clips in (train, *own.values()) for clip in clips])
    for clips in own.values():
        check_labels(clips, {label for clip in train for label in clip.labels})
    valid_fraction = 0.0 if "valid" in own else config.valid_fraction
    test_fraction = 0.0 if "test" in own else config.test_fraction
    splits = split_clips(train, valid_fraction, test_fraction, config.seed_of_splits)
    splits = Splits(splits.train, own.get("valid", splits.valid), own.get("test", splits.test))
    notes.extend(_notes(splits))
    return splits


def check_labels(clips: Iterable[LabelledClip], known: Collection[str]) -> None:
    """Raises :class:`DataError` at the first frame whose label is not among those known."""
    for clip in clips:
        for number, label in enumerate(clip.labels):
            if label not in known:
                what = f"label {shown(label)} is not in the training split; mend it, or add sequences that have it"
                raise DataError(what, clip.location_of(number))


def _folders(config: FrameOptions) -> dict[str, Path]:
    """The folder of each split that has one."""
    data = Path(config.data)
    inside = {split: data / split for split in _FOLDERS if (data / split).is_dir()}
    folders = inside if "train" in inside else {"train": data}
    named = {"valid": config.valid_data, "test": config.test_data}
    return {**folders, **{split: Path(path) for split, path in named.items() if path}}


def _check_several_labels(clips: Sequence[LabelledClip]) -> None:
    labels = {label for clip in clips for label in clip.labels}
    if len(labels) < 2:
        raise DataError(f"every frame has the label {shown(labels.pop())}; add frames with another", clips[0].location)


def _notes(splits: Splits[LabelledClip]) -> Iterator[str]:
    """What people should know of their splits."""
    known = {label for clip in splits.train for label in clip.labels}
    digests = {clip.clip.digest for clip in splits.train}
    for name, clips in (("validation", splits.valid), ("test", splits.test)):
        if unseen := sorted({label for clip in clips for label in clip.labels} - known):
            yield (
                f"label {shown(unseen[0])} is in the {name} split alone, so it cannot be learned; add sequences that "
                "have it, or choose the splits yourself"
            )
        if shared := sum(clip.clip.digest in digests for clip in clips):
            yield f"{shared} sequences of the {name} split are in the training split, too: its score will flatter"
    masked = Scaling.fit([clip.clip for clip in splits.train]).masked
    if len(masked):
        yield f"{len(masked)} of {splits.train[0].clip.layout.size} features are missing in places"
