"""The page: which units it shows, and answers that look like HTML."""

from seqkit.inspection.inside import look_inside
from seqkit.inspection.page import page


def test_of_many_units_those_that_change_most_are_shown_and_the_page_says_so(tiny):
    text = page("Inside", "a run", look_inside(tiny(60), [3, 5, 7]))
    assert text.count("Rows are the 48 of 60 units whose output changes most") == 2
    assert text.count("<figure data-map=") == 2 * 4
    assert "of each of the 60 units" in text
    assert "&lt;b&gt;answer" in text and "<b>answer" not in text
