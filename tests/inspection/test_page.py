"""The page: which units it shows, several inputs beside each other, and answers that look like HTML."""

import json
import re

import torch

from seqkit.inspection.inside import AttentionMap, look_inside
from seqkit.inspection.page import page


def test_of_many_units_those_that_change_most_are_shown_and_the_page_says_so(tiny):
    text = page("Inside", "a run", {"3 5 7": look_inside(tiny(60), [3, 5, 7])})
    assert text.count("Rows are the 48 of 60 units whose output changes most") == 2
    assert text.count("<figure data-map=") == 2 * 4
    assert "of each of the 60 units" in text
    assert "&lt;b&gt;answer" in text and "<b>answer" not in text


def test_inputs_beside_each_other_have_a_column_each_and_show_the_same_units(tiny):
    model = tiny(60)
    texts = {"first <i>": look_inside(model, [3, 5, 7]), "second": look_inside(model, [7, 7, 2, 4])}
    text = page("Inside", "a run", texts)
    assert text.count("<article") == 2
    assert "<h2>first &lt;i&gt;</h2>" in text and "<h2>second</h2>" in text
    maps = json.loads(re.search(r"const MAPS = (\[.*?\]);\n", text).group(1))
    half = len(maps) // 2
    assert half and [m["rows"] for m in maps[:half]] == [m["rows"] for m in maps[half:]]
    assert [len(m["columns"]) for m in (maps[0], maps[half])] == [3, 4]
    alone = page("Inside", "a run", {"second": texts["second"]})
    assert "<article" not in alone


def test_an_attention_of_very_many_weights_is_drawn_by_the_script_instead(tiny):
    inside = look_inside(tiny(4), [3, 5, 7])
    for steps, elements in ((50, 2500), (51, 0)):
        names = [f"t{n}" for n in range(steps)]
        attention = AttentionMap("decoder.recall", names, names, torch.eye(steps))
        text = page("Inside", "a run", {"a text": inside._replace(attention=[attention])})
        assert (
            text.count("</title></rect>") - page("Inside", "a run", {"a text": inside}).count("</title></rect>")
            == elements
        )
        assert ("Columns: earlier steps; rows: step" in text) is (elements == 0)
