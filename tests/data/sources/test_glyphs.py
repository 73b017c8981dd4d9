"""Letters drawn on the spot."""

import unicodedata

import numpy as np
import pytest

from seqkit import UsageError
from seqkit.data.sources import glyphs as module
from seqkit.data.sources.glyphs import FACES, font_file, glyphs, letters_of


def by_letter(examples):
    return {example.group: example.picture.values[:, :, 0] for example in examples}


def test_letters_carry_their_unicode_names_and_lie_in_their_script():
    letters = glyphs(["greek"], ["Sans"], [20])
    assert len(letters) > 250
    for example in letters:
        assert example.captions == (unicodedata.name(example.group),)
        assert example.captions[0].startswith("GREEK ")
        assert example.picture.values.shape == (32, 32, 1)
        assert example.picture.values.max() > 100
    assert len({example.group for example in letters}) == len(letters)


def test_case_shows_in_height_over_one_baseline():
    seen = by_letter(glyphs(["latin"], ["Sans"], [24]))
    tops = {letter: int(np.argmax(seen[letter].max(1) > 60)) for letter in "oOÓ"}
    ends = {letter: 31 - int(np.argmax(seen[letter][::-1].max(1) > 60)) for letter in "xXz"}
    assert tops["o"] > tops["O"] + 3 and tops["O"] > tops["Ó"] + 2
    assert len(set(ends.values())) == 1


def test_every_face_and_size_has_its_own_picture_of_a_letter():
    letters = glyphs(["latin"], ["Sans", "Serif-Bold", "SansMono"], [20, 24])
    ours = [example.picture.digest for example in letters if example.group == "a"]
    assert len(set(ours)) == len(ours) == 6


def test_what_a_font_lacks_is_not_drawn():
    sans, mono = (set(by_letter(glyphs(["tifinagh", "latin"], [face], [20]))) for face in ("Sans", "SansMono"))
    assert "ⴰ" in sans and "ⴰ" not in mono
    assert "é" in mono


def test_letters_that_look_alike_are_kept_under_both_names():
    seen = by_letter(glyphs(["latin", "cyrillic"], ["Sans"], [20]))
    assert (seen["A"] == seen["А"]).all()


def test_default_faces_are_all_there():
    assert all(font_file(face).suffix == ".ttf" for face in FACES)


def test_what_cannot_be_drawn_is_a_wrong_command():
    with pytest.raises(UsageError, match="unknown script 'KLINGON'"):
        letters_of(["klingon"])
    with pytest.raises(UsageError, match="did you mean 'Serif'"):
        glyphs(["latin"], ["Serf"], [20])
    with pytest.raises(UsageError, match="from 8 to 24, not 40"):
        glyphs(["latin"], ["Sans"], [40])


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    def missing(name):
        raise module.PackageNotFoundError(name)

    monkeypatch.setattr(module, "distribution", missing)
    with pytest.raises(UsageError, match=r"drawing glyphs needs matplotlib.*pip install 'seqkit\[data\]'"):
        glyphs(["latin"], ["Sans"], [20])
