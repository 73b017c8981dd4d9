"""Generated films of handwriting: a camera pans over a strip of digits and sees a narrow window of it.

T frames, W columns of a strip, R rows of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seqkit.data.frames import LabelledClip, clip_of
from seqkit.data.readers import SourceLocation
from seqkit.data.splits import SPLIT_NAMES, Splits

GAP = "gap"
"""The label of a frame whose middle is between two digits"""
FORMS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667, 1797)
"""Where each form begins among the 1,797 pictures, and where the last one ends"""
WRITERS = ((0,), (1,), (2,), (3,), (4,), (5,), (6,), (7, 11), (8,), (9,), (10,), (12,), (13,))
"""The forms of each writer"""
_HELD_OUT = 2
"""Writers for validation, and as many for the test"""
_ROWS = 8
_DIGITS = (5, 12)
_GAPS = (1, 5)
_SPEEDS = (0.6, 1.0)
_CONTRASTS = (0.7, 1.0)
_INK = 0.2
"""A column belongs to a digit if one of its pixels is darker than this, of 1."""
_NOISE = 0.02
_BEND, _SHIFT = 0.05, 0.5


class Digits(NamedTuple):
    """Pictures (N, 8, 8), 0 to 1, what each shows, and its number among the 1,797."""

    pictures: np.ndarray
    labels: Sequence[str]
    numbers: Sequence[int]


def strips(sizes: tuple[int, int, int], window: int, seed: int) -> Splits[LabelledClip]:
    """Strips for training, validation and test, of digits by different writers.

    The pictures are those of :func:`sklearn.datasets.load_digits`, the test split of UCI's optdigits, whose writers
    are not those of its training split. They are in the order in which they were cut from forms: everybody copied the
    same 130 digits, so the labels show where a form begins (:data:`FORMS`). Two of the 14 forms seem to be by one hand
    (a third of the pictures of the eighth have their nearest neighbour in the twelfth, twice as many as in any other
    pair, and the authors of the data count 13 writers), and stay together. All pictures of a writer are in one split:
    the seed draws two writers for the test and two for validation.

    A strip has 5 to 11 digits with gaps of 1 to 4 columns around them, and its own contrast; the camera moves by 0.6 to
    1 columns a frame, and its pictures are noisy. The label of a frame is what its middle shows: a digit, from its
    first to its last column with ink, or a gap. In training each digit is distorted a little, differently each time.

    Args:
        sizes: strips for training, validation and test.
        window: columns that a frame shows.
        seed: of everything random.
    """
    return Splits(
        *(
            list(_films(name, digits, count, window, np.random.default_rng([seed, number])))
            for number, (name, digits, count) in enumerate(zip(SPLIT_NAMES, _digits(seed), sizes, strict=True))
        )
    )


def pictures_by_split(seed: int) -> Splits[int]:
    """The numbers of the pictures of each split."""
    order = np.random.default_rng(seed).permutation(len(WRITERS))
    test, valid, train = order[:_HELD_OUT], order[_HELD_OUT : 2 * _HELD_OUT], order[2 * _HELD_OUT :]
    return Splits(
        *([n for writer in sorted(writers) for n in _pictures_of(writer)] for writers in (train, valid, test))
    )


def _pictures_of(writer: int) -> Iterator[int]:
    for form in WRITERS[writer]:
        yield from range(FORMS[form], FORMS[form + 1])


def _digits(seed: int) -> list[Digits]:
    """The digits of training, validation and test."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    pictures, labels = loaded.images.astype(np.float32) / 16, [str(label) for label in loaded.target]
    splits = pictures_by_split(seed)
    return [
        Digits(pictures[numbers], [labels[n] for n in numbers], numbers)
        for numbers in (splits.train, splits.valid, splits.test)
    ]


def _films(
    name: str, digits: Digits, count: int, window: int, generator: np.random.Generator
) -> Iterator[LabelledClip]:
    # In turn, not independently: every digit of every writer is used equally often, give or take once.
    drawn = _in_turn(len(digits.labels), generator)
    columns = [f"column{column}" for column in range(1, window + 1)] if window > 1 else [""]
    names = tuple(f"row{row}{column}" for row in range(1, _ROWS + 1) for column in columns)
    for number in range(count):
        chosen = [next(drawn) for _ in range(generator.integers(*_DIGITS))]
        pictures = [digits.pictures[n] for n in chosen]
        if name == "train":
            pictures = [distorted(picture, generator) for picture in pictures]
        strip, owners = lay_out(pictures, [digits.labels[n] for n in chosen], generator)
        features, labels = pan(strip, owners, window, generator)
        title = f"{name}-{number}"
        yield LabelledClip(clip_of(title, features, names), labels, SourceLocation(title, 1))


def _in_turn(size: int, generator: np.random.Generator) -> Iterator[int]:
    """All numbers in random order, then in another order, and so on: each is used as often as any other."""
    while True:
        yield from generator.permutation(size).tolist()


def lay_out(
    pictures: Sequence[np.ndarray], labels: Sequence[str], generator: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """A strip (R, W) of pictures (R, ·), each cut to its columns with ink, and the label of each column."""
    pieces, owners = [], []

    def leave_gap() -> None:
        width = int(generator.integers(*_GAPS))
        pieces.append(np.zeros((len(pictures[0]), width), np.float32))
        owners.extend([GAP] * width)

    leave_gap()
    for picture, label in zip(pictures, labels, strict=True):
        inked = np.flatnonzero(picture.max(0) > _INK)
        pieces.append(picture[:, inked[0] : inked[-1] + 1])
        owners.extend([label] * pieces[-1].shape[1])
        leave_gap()
    return np.concatenate(pieces, 1), owners


def pan(
    strip: np.ndarray, owners: Sequence[str], window: int, generator: np.random.Generator
) -> tuple[np.ndarray, tuple[str, ...]]:
    """What a camera sees that moves along a strip (R, W): frames (T, R·window) of float32, and their labels.

    The frame at x shows the ``window`` columns nearest to x; its label is that of the column that contains x.
    """
    # The start is random, so that frames and columns are not in step.
    middles = np.arange(generator.random(), strip.shape[1], generator.uniform(*_SPEEDS))
    first = np.floor(middles - (window - 1) / 2).astype(int) + window
    windows = np.pad(strip, ((0, 0), (window, window)))[:, first[:, None] + np.arange(window)]
    frames = windows.transpose(1, 0, 2).reshape(len(middles), -1) * generator.uniform(*_CONTRASTS)
    frames += generator.normal(0, _NOISE, frames.shape)
    return frames.astype(np.float32), tuple(owners[int(middle)] for middle in middles)


def distorted(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A picture (R, R) stretched, slanted, turned and moved a little, and bent in itself.

    Pixels move by a linear map near 1, and by shifts that are drawn at nine points and interpolated between them.

    Source: elastic distortions of Simard, Steinkraus and Platt, 2003.
    """
    size = len(picture)
    matrix = np.eye(2) + generator.normal(0, _BEND, (2, 2))
    grid = np.stack(np.meshgrid(*[np.arange(size) - (size - 1) / 2] * 2, indexing="ij"))
    near = np.maximum(0, 1 - np.abs(np.linspace(0, 2, size)[:, None] - np.arange(3)))
    shifts = near @ generator.normal(0, _SHIFT, (2, 3, 3)) @ near.T
    rows, columns = np.tensordot(matrix, grid, 1) + shifts + (size - 1) / 2
    moved = _bilinear(picture, rows, columns)
    # A digit must never be moved out of its picture.
    return moved if moved.max() > 0.5 else picture


def _bilinear(picture: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The values of a picture between its pixels, 0 outside of it."""
    padded = np.pad(picture, 2)
    rows, columns = (np.clip(coordinates + 2, 0, len(padded) - 1.001) for coordinates in (rows, columns))
    top, left = rows.astype(int), columns.astype(int)
    down, right = rows - top, columns - left
    upper = padded[top, left] * (1 - right) + padded[top, left + 1] * right
    lower = padded[top + 1, left] * (1 - right) + padded[top + 1, left + 1] * right
    values: np.ndarray = upper * (1 - down) + lower * down
    return values
