"""The docstring of a cell is its reference: equation, shapes, use, source, and an example that runs."""

import doctest
import inspect
import pkgutil
import re
from importlib import import_module

import pytest

import seqkit.cells
from seqkit import Recurrent
from seqkit.cells import Cell
from seqkit.report.cells import FAMILIES, families, family_text, parameter_formula

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


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_what_it_is(name):
    title, text = family_text(name)
    assert re.fullmatch(r"[A-Z][\w -]+: .+", title) and text.endswith(".")
    assert families()[name]


@pytest.mark.parametrize("kind", CELLS)
def test_the_formula_of_its_parameters_counts_those_of_a_layer(kind):
    formula = parameter_formula(kind).replace("·", "*").replace("²", "**2")
    for inputs, units in ((4, 5), (7, 2)):
        layer = Recurrent(kind, inputs, units)
        assert eval(formula, {"I": inputs, "H": units}) == sum(value.numel() for value in layer.parameters())
