"""Plots of a search."""

import re

import pytest

from seqkit.drawing.studies import Scored, option_against_score

pytest.importorskip("matplotlib")


def test_all_numbers_of_a_logarithmic_axis_have_the_colour_of_the_page():
    trials = [Scored(str(n), {"rate": rate}, 0.5 + n / 10, True) for n, rate in enumerate((7e-4, 2e-3))]
    svg = option_against_score("rate", trials, "accuracy", True, ())
    numbers = re.findall(r'<!-- \$\S.*?\$ -->\s*<g style="([^"]*)"', svg)
    # Within a decade, those between the powers of ten have numbers, too.
    assert len(numbers) > 1
    assert all("fill: currentColor" in style for style in numbers)
