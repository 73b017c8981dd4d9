import sys
from itertools import combinations

import numpy as np
import pytest

from seqkit.drawing import strips
from seqkit.drawing.strips import Strip, strip_picture
from seqkit.errors import UsageError

pytest.importorskip("matplotlib")
MANY = [f"action {number}" for number in range(32)]


@pytest.fixture
def drawn(monkeypatch):
    """The figure that would become a PNG."""
    monkeypatch.setattr(strips, "png", lambda figure: figure)
    return strip_picture


def spans(axis, low, high):
    """The bars between two heights: their colour to their first and last step."""
    found = {}
    for bars in axis.collections:
        for path in bars.get_paths():
            box = path.get_extents()
            if low <= box.y0 and box.y1 <= high:
                found.setdefault(color(bars), []).append((box.x0, box.x1))
    return {name: sorted(places) for name, places in found.items()}


def color(bars):
    return tuple(bars.get_facecolor()[0][:3])


def looks(figure):
    """Label to colour and hatch, as the legend says."""
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    return {name: (mark.get_facecolor()[:3], mark.get_hatch()) for name, mark in zip(names, legend.get_patches())}  # noqa: B905


def test_a_strip_shows_truth_above_prediction_and_what_is_wrong(drawn):
    figure = drawn([Strip("one", list("aabbbc"), list("abbbcc"))])
    (axis,) = figure.axes
    a, b, c = (looks(figure)[label][0] for label in "abc")
    assert spans(axis, 1.5, 2.5) == {a: [(0, 2)], b: [(2, 5)], c: [(5, 6)]}
    assert spans(axis, 0.4, 1.4) == {a: [(0, 1)], b: [(1, 4)], c: [(4, 6)]}
    assert spans(axis, 0.0, 0.2) == {(0, 0, 0): [(1, 2), (4, 5)]}
    assert axis.get_title("left") == "one"
    assert axis.get_title("right") == "4 of 6 correct"


def test_a_segment_has_its_label_written_on_it_where_there_is_room(drawn):
    labels = ["long name"] * 50 + ["short"] + ["x"] * 20
    (axis,) = drawn([Strip("", labels, labels)]).axes
    written = [(text.get_text(), text.get_position()[0]) for text in axis.texts]
    assert written == [("long name", 25.0), ("x", 61.0)] * 2


def test_each_of_many_labels_has_a_look_of_its_own_and_comes_in_the_order_of_its_number(drawn):
    found = looks(drawn([Strip("", MANY, MANY)]))
    assert len(set(found.values())) == 32
    assert list(found) == MANY


def test_the_background_is_pale_and_takes_no_color_of_another_label(drawn):
    one = looks(drawn([Strip("", "abc", "abc")]))
    other = looks(drawn([Strip("", "a-bc", "a-bc")], background="-"))
    pale = other.pop("-")[0]
    assert other == one
    assert min(pale) > 0.85 and max(pale) - min(pale) < 0.01


# Machado, Oliveira and Fernandes, 2009: what protanopes and deuteranopes see of linear RGB.
SEEN = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}


@pytest.mark.parametrize("eyes", SEEN)
def test_color_blind_people_tell_the_colors_of_eight_labels_apart(drawn, eyes):
    colors = [look[0] for look in looks(drawn([Strip("", MANY[:8], MANY[:8])])).values()]
    assert len(colors) == 8
    assert all(difference(one, other, SEEN[eyes]) > 12 for one, other in combinations(colors, 2))


def difference(one, other, matrix):
    """CIE 1976 between two sRGB colours seen with such eyes; 2.3 is just noticed."""
    return np.linalg.norm(lab(one, matrix) - lab(other, matrix))


def lab(color, matrix):
    linear = np.array([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in color])
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in to_xyz @ seen / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


LONG = [f"{name} with quite a long name, number {number}" for number, name in enumerate("abcdefghijklmno")]


@pytest.mark.parametrize("labels", [MANY, LONG, ["a"]])
@pytest.mark.parametrize("count", [1, 6])
def test_nothing_is_cut_off_and_nothing_covers_anything(drawn, labels, count):
    frames = np.zeros((len(labels), 3))
    sequences = [Strip("a long name of a file " * 3, labels, labels, frames) for _ in range(count)]
    figure = drawn(sequences)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    texts = [*legend.get_texts(), *(text for axis in figure.axes for text in (*axis.texts, *axis.get_yticklabels()))]
    texts += [axis._left_title for axis in figure.axes]
    boxes = [text.get_window_extent() for text in texts]
    assert all(figure.bbox.contains(*corner) for box in boxes for corner in (box.min, box.max))
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    panels = [axis.get_window_extent() for axis in figure.axes]
    assert not any(legend.get_window_extent().overlaps(panel) for panel in panels)
    # Two bands of a quarter of an inch and the features stay what they are, however many labels there are.
    assert all(panel.height / figure.dpi > 0.8 for panel in panels)


def test_frames_are_an_image_above_the_bands(drawn):
    frames = np.array([[0.0, 1.0], [np.nan, 3.0], [4.0, 5.0]])
    (axis,) = drawn([Strip("", "aab", "aab", frames)]).axes
    (image,) = axis.images
    assert image.get_array().shape == (2, 3)
    assert image.get_extent() == [0, 3, 2.6, 4.5]
    pixels = image.to_rgba(image.get_array())[..., :3]
    assert np.ptp(pixels[0, 1]) > 0.05, "what is missing has a tint"
    assert np.ptp(pixels[1], axis=-1).max() == 0, "what is there is grey"


@pytest.mark.parametrize(
    "strip",
    [
        Strip("empty", [], []),
        Strip("one step", ["a"], ["b"]),
        Strip("a $ and a letter the font lacks: \U00012345", ["$x_1$", "y"], ["y", "$"]),
        Strip("nothing known", ["a"] * 3, ["a"] * 3, np.full((3, 2), np.nan)),
        Strip("thousands of segments", ["a", "b"] * 2000, ["b", "b"] * 2000),
    ],
)
def test_a_picture_is_a_png_whatever_the_sequence(strip):
    assert strip_picture([strip]).startswith(b"\x89PNG")


def test_truth_and_prediction_must_be_as_long():
    with pytest.raises(ValueError, match="zip"):
        strip_picture([Strip("", "aaa", "aa")])


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"a strip picture needs matplotlib.*pip install 'seqkit\[plot\]'"):
        strip_picture([Strip("", "a", "a")])
