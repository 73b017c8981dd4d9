"""The page: which units it shows, and answers that look like HTML."""

import torch

from seqkit.inspection.inside import AttentionMap, look_inside
from seqkit.inspection.page import page


def test_of_many_units_those_that_change_most_are_shown_and_the_page_says_so(tiny):
    text = page("Inside", "a run", look_inside(tiny(60), [3, 5, 7]))
    assert text.count("Rows are the 48 of 60 units whose output changes most") == 2
    assert text.count("<figure data-map=") == 2 * 4
    assert "of each of the 60 units" in text
    assert "&lt;b&gt;answer" in text and "<b>answer" not in text


def test_an_attention_of_very_many_weights_is_drawn_by_the_script_instead(tiny):
    inside = look_inside(tiny(4), [3, 5, 7])
    for steps, elements in ((50, 2500), (51, 0)):
        names = [f"t{n}" for n in range(steps)]
        attention = AttentionMap("decoder.recall", names, names, torch.eye(steps))
        text = page("Inside", "a run", inside._replace(attention=[attention]))
        assert text.count("</title></rect>") - page("Inside", "a run", inside).count("</title></rect>") == elements
        assert ("Columns: earlier steps; rows: step" in text) is (elements == 0)
