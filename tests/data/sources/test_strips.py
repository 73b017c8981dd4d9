import itertools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from seqkit.data.sources import strips as module
from seqkit.data.sources.strips import FORMS, GAP, WRITERS, distorted, lay_out, pan, pictures_by_split, strips


class Fixed:
    """Instead of a generator: what it was given, and no noise."""

    def __init__(self, integer=2, start=0.25, speed=0.5):
        self.integer, self.start, self.speed = integer, start, speed

    def integers(self, low, high):
        return self.integer

    def random(self):
        return self.start

    def uniform(self, low, high):
        return self.speed if (low, high) == module._SPEEDS else 1.0

    def normal(self, mean, deviation, size):
        return np.zeros(size)


def test_forms_begin_where_the_same_digits_begin_again():
    labels = "".join(map(str, load_digits().target))
    forms = [labels[start:stop] for start, stop in itertools.pairwise(FORMS)]
    assert "".join(forms) == labels
    whole = forms[0]
    assert len(whole) == 130
    for form in forms:
        # What was lost from a form leaves the rest in its order.
        rest = iter(whole)
        assert sum(digit in rest for digit in form) >= 119
        assert form.startswith(("0123456", "123456789")) and form.endswith(("90898", "84908", "90893"))


def test_a_writer_and_a_picture_are_in_one_split_only():
    assert sorted(form for writer in WRITERS for form in writer) == list(range(14))
    for seed in range(5):
        splits = pictures_by_split(seed)
        numbers = [set(splits.train), set(splits.valid), set(splits.test)]
        assert set.union(*numbers) == set(range(1797)) and sum(map(len, numbers)) == 1797
        forms = [{int(np.searchsorted(FORMS, n, "right")) for n in split} for split in numbers]
        assert sum(map(len, forms)) == 14
        assert any({8, 12} <= split for split in forms), "two forms by one hand stay together"
    assert pictures_by_split(0) != pictures_by_split(1)


def test_strips_are_made_of_the_pictures_of_their_split(monkeypatch):
    used = []
    monkeypatch.setattr(module, "lay_out", lambda pictures, labels, generator: used.append(pictures) or lay_out(
        pictures, labels, generator
    ))  # fmt: skip
    monkeypatch.setattr(module, "distorted", lambda picture, generator: picture)
    strips((30, 6, 8), 1, 3)
    every = {picture.tobytes(): n for n, picture in enumerate((load_digits().images / 16).astype(np.float32))}
    splits = pictures_by_split(3)
    for start, stop, split in ((0, 30, splits.train), (30, 36, splits.valid), (36, 44, splits.test)):
        drawn = [every[picture.tobytes()] for pictures in used[start:stop] for picture in pictures]
        assert drawn and set(drawn) <= set(split)
        assert len(set(drawn)) == min(len(drawn), len(split)), "none is used twice before all were used once"


def test_labels_of_a_tiny_strip_by_hand():
    one = np.zeros((2, 4), np.float32)
    one[0, 1], one[1, 2] = 1.0, 0.5
    strip, owners = lay_out([one, one], ["a", "b"], Fixed(integer=1))
    assert owners == [GAP, "a", "a", GAP, "b", "b", GAP]
    assert strip.tolist() == [[0, 1, 0, 0, 1, 0, 0], [0, 0, 0.5, 0, 0, 0.5, 0]]
    # From 0.25 on in steps of a half: 0.25, 0.75, 1.25, …, 6.75.
    frames, labels = pan(strip, owners, 1, Fixed())
    assert labels == tuple(owner for owner in owners for _ in range(2))
    assert frames.tolist() == [strip[:, c].tolist() for c in range(7) for _ in range(2)]


def test_a_window_shows_the_columns_around_its_middle():
    strip = np.arange(1, 6, dtype=np.float32)[None]
    frames, labels = pan(strip, list("abcde"), 3, Fixed(start=0.5, speed=1.0))
    assert frames.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 0]]
    assert labels == tuple("abcde")
    # Of an even number of columns, those nearer to the middle: 0.75 lies between the centres of 0 and 1.
    frames, _ = pan(strip, list("abcde"), 2, Fixed(start=0.75, speed=1.0))
    assert frames[:2].tolist() == [[1, 2], [2, 3]]


def test_the_same_seed_makes_the_same_strips():
    one, same, other = (strips((4, 2, 2), 1, seed) for seed in (1, 1, 2))
    for split in ("train", "valid", "test"):
        assert [e.clip.digest for e in getattr(one, split)] == [e.clip.digest for e in getattr(same, split)]
        assert [e.labels for e in getattr(one, split)] == [e.labels for e in getattr(same, split)]
        assert [e.clip.digest for e in getattr(one, split)] != [e.clip.digest for e in getattr(other, split)]
    sizes = [e.clip.features.shape for e in one.train]
    assert all(size == (len(e.labels), 8) for size, e in zip(sizes, one.train, strict=True))


def test_a_picture_is_distorted_but_little():
    generator = np.random.default_rng(0)
    pictures = load_digits().images[:50].astype(np.float32) / 16
    changed = [distorted(picture, generator) for picture in pictures]
    for before, after in zip(pictures, changed, strict=True):
        assert after.shape == (8, 8) and after.min() >= 0 and after.max() <= 1
        assert np.abs(after - before).max() > 0
        assert np.corrcoef(after.ravel(), before.ravel())[0, 1] > 0.4
    assert np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(pictures, changed, strict=True)]) > 0.8


def test_a_picture_that_is_not_distorted_at_all_is_as_it_was(monkeypatch):
    monkeypatch.setattr(module, "_BEND", 0.0)
    monkeypatch.setattr(module, "_SHIFT", 0.0)
    picture = load_digits().images[7] / 16
    assert distorted(picture, np.random.default_rng(0)) == pytest.approx(picture, abs=1e-9)
