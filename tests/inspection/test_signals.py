"""Frames as a picture, and the words for what a page shows."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
import torch

from seqkit.inspection.names import gate, place, state
from seqkit.inspection.signals import signal_strip, strip_colours
from seqkit.topologies.synced.frames.label import in_stretches

LABELS = ["walk", "walk", "<b>run", "walk"]


def picture(*arguments):
    text = signal_strip(*arguments)
    return text, ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


def test_each_stretch_of_a_label_is_one_box_as_wide_as_its_frames():
    _, root = picture(torch.rand(4, 2), LABELS)
    boxes = root.findall("rect")
    assert [float(box.get("width")) for box in boxes] == [450, 225, 225]
    assert [box.find("title").text for box in boxes] == [
        "walk: frames 1 to 2",
        "<b>run: frames 3 to 3",
        "walk: frames 4 to 4",
    ]
    assert boxes[0].get("class") == boxes[2].get("class") != boxes[1].get("class")


def test_of_many_signals_those_that_change_most_are_drawn_and_missing_values_are_skipped():
    values = torch.zeros(4, 20)
    values[:, 3:11] = torch.rand(4, 8) + torch.arange(4).unsqueeze(1)
    values[1, 3] = float("nan")
    text, root = picture(values, LABELS)
    lines = root.findall("polyline")
    assert [line.find("title").text.split(":")[0] for line in lines] == [f"feature {n}" for n in range(4, 12)]
    assert [len(line.get("points").split()) for line in lines] == [3] + [4] * 7
    assert "the 8 of 20 features that change most" in text


def test_signals_have_the_names_of_their_columns():
    text, root = picture(torch.rand(4, 2), LABELS, (), ["acc & x", "gyro"])
    assert [line.find("title").text.split(":")[0] for line in root.findall("polyline")] == ["acc & x", "gyro"]
    assert [label.text for label in root.findall("text") if label.get("class") == "name"] == ["acc & x", "gyro"]
    assert "the 2 features" in text


def test_labels_that_follow_each_other_have_different_colours():
    labels = [label for digit in "0123456789" for label in ("gap", digit)]
    colours = strip_colours(labels)
    assert all(colours[one] != colours[other] for one, other in pairwise(labels))
    assert len(set(colours.values())) == 4


def test_influence_has_a_bar_for_each_frame_in_the_hue_of_its_sign():
    _, root = picture(torch.rand(4, 1), LABELS, [0.5, -1.0, 0.0, 0.25])
    assert [box.get("class") for box in root.findall("rect")[3:]] == ["warm", "cold", "warm", "warm"]


def test_labels_of_frames_are_reported_in_stretches():
    assert in_stretches(["walk"] * 3 + ["run"] + ["walk"] * 2) == "walk 1–3, run 4, walk 5–6"


@pytest.mark.parametrize(
    ("name", "signed", "said"), [("i", False, "input gate"), ("x", False, "gate"), ("z", True, "candidate")]
)
def test_gates_have_the_names_of_the_papers(name, signed, said):
    assert gate(name, signed) == said


def test_what_has_no_name_for_readers_keeps_its_own():
    assert place("my.layer") == "my.layer" and state("s") == "state" and place("encoder.recurrent") == "Encoder"
