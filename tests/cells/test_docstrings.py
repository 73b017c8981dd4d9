"""The docstring of a cell is its reference: equation, shapes, use, source, and an example that runs."""

import doctest
import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import seqkit.cells
from seqkit.cells import Cell
from seqkit.report.cells import markdown_rows

FOUND = pkgutil.walk_packages(seqkit.cells.__path__, "seqkit.cells.")
MODULES = [import_module(module.name) for module in FOUND if not module.ispkg]


def cells_in(module):
    classes = [kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__]
    return [kind for kind in classes if issubclass(kind, Cell)]


CELLS = [kind for module in MODULES for kind in cells_in(module) if kind is not Cell]


@pytest.mark.parametrize("module", [seqkit.cells, *MODULES], ids=lambda module: module.__name__)
def test_examples_give_what_they_show(module):
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_is_documented_by_equation_shapes_example_use_and_source(kind):
    text = inspect.cleandoc(kind.__doc__)
    assert "::\n\n" in text and "h' =" in text
    for section in ("\nShapes:\n", "\nExamples:\n", "\nUse: ", "\nSource: "):
        assert section in text


@pytest.mark.parametrize("kind", CELLS)
def test_every_option_of_a_cell_is_explained(kind):
    _, _, arguments = inspect.cleandoc(kind.__doc__).partition("\nArgs:\n")
    for option in inspect.signature(kind).parameters:
        assert f"    {option}: " in arguments.partition("\n\n")[0]


def test_the_table_of_cells_in_the_documentation_is_what_their_docstrings_say():
    page = (Path(__file__).parents[2] / "docs" / "cells.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `") and not line.startswith("| `--")]
    said = markdown_rows()
    assert rows == said, "the rows of the table should be:\n" + "\n".join(said)
