"""Cells of one's own: what a name, a class, or a file and its class are taken for."""

import copy
import pickle

import pytest
import torch

from seqkit.cells import Cell, OwnCell, cell_class, make_cell, named_cell
from seqkit.cells.gru import GRU
from seqkit.config import parse_setting
from seqkit.errors import UsageError
from seqkit.runs import find_task

SOURCE = """
import torch
from seqkit import Cell

RATE = 0.5


def squash(x):
    return torch.tanh(x)


class Leaky(Cell):
    gate_names = ("a",)

    def step(self, x, r, state):
        return (RATE * state[0] + squash(x + r),)


class Another(Cell):
    gate_names = ("a",)


def helper():
    pass


class Plain:
    pass
"""


class Halfway(Cell):
    gate_names = ("h",)

    def step(self, x, r, state):
        return (state[0] / 2 + torch.tanh(x + r) / 2,)


@pytest.fixture
def written(tmp_path):
    """Writes a file of cells and takes one of it."""

    def taken(source=SOURCE, name="Leaky", file="mine.py"):
        (tmp_path / file).write_text(source)
        return named_cell(f"{tmp_path / file}:{name}")

    return taken


def test_a_file_and_class_is_a_name_that_carries_the_class(written, tmp_path):
    cell = written()
    assert cell == f"{tmp_path}/mine.py:Leaky"
    assert isinstance(make_cell(cell), cell.kind) and cell.kind.__name__ == "Leaky"
    assert copy.deepcopy(cell).kind is cell.kind


def test_a_class_in_a_module_has_the_name_that_its_file_would_have():
    cell = named_cell(Halfway)
    assert cell == f"{__file__}:Halfway"
    assert cell.digest == named_cell(f"{__file__}:Halfway").digest
    assert pickle.loads(pickle.dumps(cell)).kind is Halfway


def test_the_class_of_a_known_cell_is_that_cell():
    assert named_cell(GRU) == named_cell("gru") == "gru"


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("class Another", "# a comment\n\n\nclass Another", True),
        ("def helper():\n    pass", "def helper():\n    return 1", True),
        ("RATE * state", "(RATE)  *  state", True),
        ("RATE = 0.5", "RATE = 0.6", False),
        ("torch.tanh(x)", "torch.sin(x)", False),
        ('gate_names = ("a",)\n\n    def', 'gate_names = ("b",)\n\n    def', False),
        ("import torch", "import numpy as torch", False),
    ],
)
def test_the_digest_is_that_of_what_the_class_is_made_of(written, before, after, same):
    assert before in SOURCE
    assert (written().digest == written(SOURCE.replace(before, after, 1)).digest) == same


def test_files_and_classes_may_be_called_like_what_there_is(written):
    cell = written(SOURCE.replace("Leaky", "GRU"), "GRU", "torch.py")
    assert cell_class(cell) is not GRU
    assert torch.tanh is not None and isinstance(make_cell("gru"), GRU)
    x = torch.ones(1, 2)
    torch.testing.assert_close(make_cell(cell).step(x, x, (x,))[0], 0.5 + torch.tanh(2 * x))


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("Leeky", SOURCE, "did you mean 'Leaky'"),
        ("Plain", SOURCE, "Plain of .* is not a cell; derive it from seqkit.Cell"),
        ("Another", SOURCE, "Another of .* has no step; write it"),
        ("Leaky", "1 / 0", r"mine.py cannot be run \(ZeroDivisionError"),
        ("Leaky", "raise SystemExit(3)", r"mine.py cannot be run \(SystemExit"),
        ("Leaky", "class", r"mine.py cannot be run \(SyntaxError"),
        ("Leaky", "import seqkit", "it defines no cell"),
        ("Cell", SOURCE, "Cell of .* is not a cell"),
    ],
)
def test_what_is_not_a_cell_is_one_sentence(written, name, source, message):
    with pytest.raises(UsageError, match=message):
        written(source, name)


@pytest.mark.parametrize("given", ["nowhere.py:Leaky", "mine.txt:Leaky", "mine.py:", int, 3])
def test_what_names_no_file_and_no_class_is_refused(given):
    with pytest.raises(UsageError):
        named_cell(given)


def test_only_what_a_person_types_is_run(tmp_path, written):
    """A configuration of a file, or of a run, is checked and never read as a command line is."""
    cell = written()
    config = find_task("sentiment").config
    assert isinstance(parse_setting(config, f"cell={cell}")[1], OwnCell)
    (tmp_path / "mine.py").write_text("raise AssertionError('it was run')")
    from seqkit.config import make_config

    with pytest.raises(UsageError, match="unknown cell"):
        make_config(config, {"cell": str(cell)})
    with pytest.raises(UsageError, match="unknown cell"):
        from seqkit.tuning.space import parse_space

        parse_space(config, {"cell": f"gru,{cell}"}, "study.json")
