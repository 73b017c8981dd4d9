"""Heat maps, in pages and as files: their numbers, their axes and scale, and texts that stay texts."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from seqkit.drawing.attention import Alignment, attention_picture
from seqkit.drawing.heat import draw_heat, heat_map

SVG = "{http://www.w3.org/2000/svg}"
VALUES = [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]


def read(text):
    return ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


def cells(root):
    return [rect for rect in root.iter() if rect.tag.endswith("rect") and len(rect)]


def opacity(rect):
    return float(re.search(r"fill-opacity: ([0-9.]+)", rect.get("style"))[1])


def test_each_value_is_a_cell_that_says_row_column_and_value():
    found = cells(read(heat_map(VALUES, ["a", "<b>", "c"], ["x", "y"], "weights")))
    assert [cell[0].text for cell in found] == [
        f"{row}, {column}: {value:g}"
        for row, of_row in zip("xy", VALUES, strict=True)
        for column, value in zip(["a", "<b>", "c"], of_row, strict=True)
    ]
    assert [opacity(cell) for cell in found] == [0.5, 0.25, 0.25, 0.0, 1.0, 0.0]


def test_axes_have_names_and_the_scale_its_ends():
    root = read(heat_map(VALUES, "abc", "xy", "weights", across="read", down="written"))
    texts = [text.text for text in root.iter("text")]
    assert {"read", "written", "0", "1"} <= {*texts}


@pytest.mark.parametrize(
    ("options", "low", "high"), [({"signed": True}, "−0.5", "0.5"), ({"full": 0}, "0", "0.5"), ({}, "0", "1")]
)
def test_the_full_colour_is_1_or_the_largest_value(options, low, high):
    root = read(heat_map([[0.5, -0.25]] if options.get("signed") else [[0.5, 0.25]], "ab", "x", "name", **options))
    texts = [text.text for text in root.iter("text")]
    assert low in texts and high in texts
    assert [opacity(cell) for cell in cells(root)] == ([0.5, 0.25] if high == "1" else [1.0, 0.5])


def test_wide_signs_have_room_beside_the_rows():
    narrow, wide = (draw_heat([[1.0]], "a", [text]).content for text in ("abcd", "四个汉字"))
    left = [float(re.search(r'<rect x="([0-9.]+)"', content)[1]) for content in (narrow, wide)]
    assert left[1] > left[0] + 15


def test_a_file_of_attention_holds_any_token_and_has_the_colours_of_pages():
    tokens = ["<script>alert(1)</script>", "\x00\ud800", "&", "end"]
    text = attention_picture([Alignment(tokens, tokens[:2], np.eye(2, 4))] * 2).decode()
    root = ElementTree.fromstring(text)
    assert len(root.findall(f"{SVG}g")) == 2 and not list(root.iter(f"{SVG}script"))
    assert "--first: #0b66a8" in text and "prefers-color-scheme: dark" in text
    assert float(root.get("width")) < 1000


def test_maps_that_have_no_room_beside_each_other_go_below():
    wide = Alignment([*"abcdefghijklmnopqrstuvwxyz"], ["x"], np.full((1, 26), 1 / 26))
    places = re.findall(r"<g transform=\"translate\((\d+) (\d+)\)", attention_picture([wide, wide]).decode())
    assert [x for x, _ in places] == ["0", "0"] and int(places[1][1]) > 0
