"""The pages about cells: what the generator makes of docstrings, recorded steps and measurements."""

import json
import re

import pytest

from benchmarks.cell_pages import RESULTS, pages
from benchmarks.imports import ROOT
from benchmarks.page import on_page_markdown
from seqkit.cells import available_cells

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def made():
    return pages(DOCS)


def test_pages_and_drawings_are_what_the_generator_makes(made):
    stale = [str(path.relative_to(ROOT)) for path, text in made.items() if path.read_text("utf-8") != text]
    assert not stale, f"run python -m benchmarks.cell_pages docs: {', '.join(stale)}"


def test_nothing_is_left_of_cells_that_are_gone(made):
    there = {*(DOCS / "cells").iterdir(), *(DOCS / "pictures" / "cells").iterdir()}
    assert there <= {*made}


def test_every_cell_has_one_section_with_equations_a_drawing_and_its_speed(made):
    text = "\n".join(text for path, text in made.items() if path.parent.name == "cells" and path.suffix == ".md")
    sections = dict(zip(*[iter(re.split(r"(?m)^## (.+)$", text)[1:])] * 2, strict=True))
    assert {*sections} == {*available_cells()}
    for name, section in sections.items():
        assert "```equation\n" in section and f"pictures/cells/{name}.svg" in section
        assert "**Parameters**" in section and "**Source**" in section
        assert name == "lstm" or re.search(r"\*\*Speed\*\*: \d+\.\d times that of the LSTM", section)


def test_every_cell_was_measured():
    assert {*json.loads(RESULTS.read_text("utf-8"))["cells"]} == {*available_cells()}


def test_the_site_sets_equations_as_mathml_and_inlines_drawings():
    shown = on_page_markdown((DOCS / "cells" / "lstm.md").read_text("utf-8"))
    assert "```equation" not in shown and "pictures/cells" not in shown
    assert "<svg " in shown and "<style>" not in shown
    assert "With <math><mrow><mi>a</mi><mo>=</mo>" in shown
