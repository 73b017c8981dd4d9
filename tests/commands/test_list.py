"""What there is, as `seqkit list` shows it: found by its presence, within 80 columns, on any terminal."""

import inspect
import re

import pytest
import torch
from torch import nn

import seqkit.cells
import seqkit.report.cells
import seqkit.runs
from seqkit.cells import Cell, available_cells
from seqkit.drawing.topologies import TOPOLOGIES, drawing
from seqkit.report.cells import describe
from seqkit.runs import available_tasks, find_task


class Leaky(Cell):
    """``h' = h / 2 + tanh(a) / 2``."""

    gate_names = ("h",)

    def step(self, x, r, state):
        return (state[0] / 2 + torch.tanh(x + r) / 2,)


class Silent(Leaky):
    gate_names = ("h",)


@pytest.fixture
def with_cells(monkeypatch):
    """More cells, as installed packages bring them."""

    def add(**cells):
        known = {**available_cells(), **{name: lambda kind=kind: kind for name, kind in cells.items()}}
        for module in (seqkit.cells, seqkit.report.cells):
            monkeypatch.setattr(module, "available_cells", lambda: known)

    return add


@pytest.fixture
def with_task(monkeypatch):
    """The task of sentiment under another name and in another topology, as an installed package may bring one."""

    def add(**changes):
        task = type("Changed", (type(find_task("sentiment")),), changes)()
        monkeypatch.setattr(seqkit.runs, "available_tasks", lambda: {task.name: lambda: task})

    return add


@pytest.mark.parametrize("what", [[], ["tasks"], ["heads"], ["cells"], ["cells", "nas"], ["data"]])
def test_every_line_fits_80_columns(what, command):
    done = command("list", *what)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 5 and max(map(len, lines)) <= 80
    assert lines[0] and lines[-1], "no empty line at either end"
    assert all(line == line.rstrip() for line in lines)


def test_every_task_is_in_its_topology_with_its_head_and_data(command):
    found = sections(command("list").stdout)
    for name in available_tasks():
        task = find_task(name)
        text = found[task.topology]
        assert f"{name}: {' '.join(task.summary.split()[:3])}" in text
        assert all(data in text for data in task.data_sets)
        assert re.search(r"from seqkit\.tasks import \w+Head\b", text)


def sections(text):
    """What is below each topology's name."""
    names = "|".join(map(re.escape, TOPOLOGIES))
    parts = re.split(rf"(?m)^({names})$", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_each_topology_is_drawn_with_the_steps_that_it_reads_and_writes(command):
    shown = command("list").stdout
    for topology in TOPOLOGIES:
        assert all(line.rstrip() in shown for line in drawing(topology))
    steps = {
        topology: (len(row(topology, -1)), len(row(topology, 2)), len(row(topology, 0))) for topology in TOPOLOGIES
    }
    assert steps == {
        "one to one": (1, 1, 1),
        "one to many": (1, 4, 4),
        "many to one": (4, 4, 1),
        "many to many, delayed": (3, 6, 3),
        "many to many, synced": (4, 4, 4),
        "many to many, next step": (4, 4, 4),
    }
    read, written = row("many to many, next step", -1), row("many to many, next step", 0)
    assert read[1:] == written[:-1], "the next step's input is this step's output"
    assert row("many to many, delayed", 0)[0].start() >= row("many to many, delayed", -1)[-1].start()


def row(topology, number):
    """The boxes of a row of a drawing, in the order of time."""
    return [Box(found) for found in re.finditer(r"\[(\w)\]", drawing(topology)[number])]


class Box(str):
    """The letter of a box; it knows its column."""

    def __new__(cls, found):
        box = super().__new__(cls, found[1])
        box.start = found.start
        return box


def test_every_arrow_of_a_drawing_joins_two_boxes():
    for topology in TOPOLOGIES:
        lines = drawing(topology)
        for above, arrows, below in zip(lines[::2], lines[1::2], lines[2::2], strict=False):
            ends = [found.start() for found in re.finditer("↑", arrows)]
            assert ends and all(line[end - 1 : end + 2] in BOXES for line in (above, below) for end in ends)


BOXES = {f"[{letter}]" for letter in "xhyabcde"}


def test_every_import_line_works(command):
    lines = [line for line in command("list", "heads").stdout.splitlines() if line.startswith("from ")]
    heads = {}
    for line in lines:
        exec(line, heads)
    made = [heads[line.split()[-1]] for line in lines]
    assert len(set(made)) == len(made) >= 5
    assert all(issubclass(head, nn.Module) for head in made)
    shown = command("list", "heads").stdout
    assert all(re.search(rf"seqkit run .*\b{name}\b", shown) for name in available_tasks())


def test_every_cell_is_listed_in_its_family_on_one_screen(command):
    shown = command("list", "cells").stdout
    assert len(shown.splitlines()) <= 30
    families = re.split(r"(?m)^Cells: ", shown)[1:]
    assert [text.partition("\n")[0] for text in families][:2] == ["simple networks", "long short-term memory"]
    named = [re.split(r"\s+", text.partition("\n\n")[0]) for text in families]
    assert all(sum(name in words for words in named) >= 1 for name in available_cells())
    assert "lstm-peephole" in named[1] and "lstm-peephole" not in named[2]


def test_a_cell_of_a_file_is_shown_as_those_with_names_are(command, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from seqkit import Cell\n\n\nclass Mine(Cell):\n"
        '    """Mine.\n\n    It is::\n\n        h\' = x + r\n    """\n\n'
        "    gate_names = ('n',)\n\n    def step(self, x, r, state):\n        return (x + r,)\n"
    )
    shown = command("list", "cells", f"{tmp_path / 'mine.py'}:Mine").stdout
    assert "\n  Mine\n  It is:\n    h' = x + r\n  gates       n\n" in shown


def test_a_cell_that_there_is_not_and_a_task_with_a_name_behind_it_are_refused(command):
    assert command("list", "cells", "lstn").stderr == "seqkit: unknown cell 'lstn'; did you mean 'lstm'?\n"
    assert command("list", "data", "imdb").stderr == "seqkit: only cells are shown one at a time; leave 'imdb' out\n"


def test_the_equation_of_every_cell_is_shown():
    for name, load in available_cells().items():
        shown = "\n".join(describe(name, load()))
        # Breaks of a line and columns of an equation may fall elsewhere.
        pressed = "".join(shown.split())
        block = inspect.cleandoc(load().__doc__).partition("::\n\n")[2].partition("\n\n")[0]
        assert "h' =" in block, f"{name} has no equation in its docstring"
        lines = [line for line in block.splitlines() if line.startswith(" ")]
        assert all("".join(line.split()) in pressed for line in lines)
        assert shown.startswith(f"{name}\n") and max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("cell", "parameters"),
    [
        ("rnn", 128 * (128 + 128 + 1)),
        ("lstm", 4 * 128 * (128 + 128 + 1)),
        ("gru", 3 * 128 * (128 + 128 + 1) + 128),
        ("lstm-peephole", 4 * 128 * (128 + 128 + 1) + 3 * 128),
    ],
)
def test_a_cell_tells_how_many_numbers_it_learns(cell, parameters, command):
    assert f"  parameters  {parameters:,} of a layer" in about(cell, command("list", "cells", cell).stdout)


def test_a_cell_tells_its_gates_states_options_and_source(command):
    text = about("gru", command("list", "cells", "gru").stdout)
    assert "  gates       z r n\n  states      h\n  options     reset=after (or before)\n" in text
    assert "Cho et al., 2014 (arXiv:1406.1078)" in text
    lstm = about("lstm", command("list", "cells", "lstm").stdout)
    assert "options" not in lstm and "  states      h c\n" in lstm


def about(cell, shown):
    return re.split(r"(?m)^$", f"\n{shown}".partition(f"\n{cell}\n  ")[2])[0]


def test_a_cell_without_an_equation_or_any_docstring_is_listed_all_the_same(command, with_cells):
    with_cells(leaky=Leaky, silent=Silent)
    assert "leaky\n  h' = h / 2 + tanh(a) / 2\n  gates       h\n" in command("list", "cells", "leaky").stdout
    assert "silent\n  gates       h\n" in command("list", "cells", "silent").stdout
    assert "Cells: others\n  of installed packages\n  leaky  silent\n" in command("list", "cells").stdout


def test_a_topology_that_nobody_drew_is_shown_without_a_drawing(command, with_task):
    with_task(name="graph", topology="tree to one", summary="a label for a tree", data_sets={})
    lines = command("list").stdout.splitlines()
    start = lines.index("tree to one")
    assert lines[start + 1 : start + 3] == ["  graph: a label for a tree", "    from seqkit.tasks import SentimentHead"]
    assert not any("data:" in line for line in lines)


def test_a_task_that_does_not_say_what_head_it_makes_is_shown_without_one(command, with_task):
    with_task(name="other", build_head=lambda self, config, codec: None)
    shown = command("list").stdout
    assert "other: a label for a whole text" in shown and "import" not in shown
    assert command("list", "heads").returncode == 0


@pytest.mark.parametrize("what", [[], ["cells", "lstm"], ["data"]])
def test_a_terminal_without_arrows_and_greek_gets_plain_signs(what, seqkit, command):
    done = seqkit("list", *what, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert {(): "[h]>[h]>[h]>[h]", ("cells", "lstm"): "c' = f * c + i * g", ("data",): "8 x 8"}[
        tuple(what)
    ] in done.stdout
    assert done.stdout.count("?") == command("list", *what).stdout.count("?"), "no sign is lost"


def test_what_cannot_be_listed_is_told_what_can(command):
    done = command("list", "cell")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "seqkit: unknown list 'cell'; did you mean 'cells'?\n"
