"""What ``seqkit new`` writes: a cell and a task that work as they are, each with its test."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

from seqkit.cells import available_cells
from seqkit.errors import UsageError
from seqkit.files import write_atomic
from seqkit.plugins import available_tasks

_CELL = '''"""A recurrent cell: what happens in one time step."""

import torch
from seqkit import Cell


class TITLE(Cell):
    """A gated cell to start from: one gate decides how much of the state is replaced.

    The step, from the input part x and the recurrent part r of each gate::

        f = sigmoid(x_f + r_f)
        n = tanh(x_n + f * r_n)
        h' = (1 - f) * h + f * n
    """

    gate_names = ("f", "n")
    initial_bias = {"f": -1.0}  # at first a unit keeps most of its state

    def step(self, x, r, state):
        """The state after this step; x and r are (B, 2 H), h is (B, H)."""
        (h,) = state
        x_f, x_n = x.chunk(2, -1)
        r_f, r_n = r.chunk(2, -1)
        f = torch.sigmoid(x_f + r_f)
        n = torch.tanh(x_n + f * r_n)
        return ((1 - f) * h + f * n,)

    def gates(self, x, r, state):
        """The values of the gates, for `seqkit inspect`; may be left out."""
        x_f, x_n = x.chunk(2, -1)
        r_f, r_n = r.chunk(2, -1)
        f = torch.sigmoid(x_f + r_f)
        return {"f": f, "n": torch.tanh(x_n + f * r_n)}

    def kept(self, gates):
        """The fraction of its state that a unit keeps; may be left out."""
        return 1 - gates["f"]
'''

_CELL_TEST = '''"""The cell against its equation, finite differences and itself."""

import torch
from seqkit import Recurrent

from STEM import TITLE


def test_the_layer_computes_the_equation():
    torch.manual_seed(0)
    layer, x, h = Recurrent(TITLE, 2, 3).double(), torch.randn(2, 4, 2, dtype=torch.double), torch.zeros(2, 3)
    weights, h = layer.layers[0][0], h.double()
    for x_t in x.unbind(1):
        x_f, x_n = (x_t @ weights.weight_x.T + weights.bias).chunk(2, -1)
        r_f, r_n = (h @ weights.weight_h.T).chunk(2, -1)
        f = torch.sigmoid(x_f + r_f)
        h = (1 - f) * h + f * torch.tanh(x_n + f * r_n)
    torch.testing.assert_close(layer(x)[0][:, -1], h)


def test_gradients_equal_finite_differences():
    torch.manual_seed(0)
    layer = Recurrent(TITLE, 2, 3, bidirectional=True).double()
    x = torch.randn(3, 4, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: layer(x, [4, 1, 3])[0], (x, *layer.parameters()))


def test_padding_changes_nothing():
    torch.manual_seed(0)
    layer, x = Recurrent(TITLE, 2, 3, bidirectional=True), torch.randn(1, 6, 2)
    short, padded = layer(x[:, :4])[0], layer(x, [4])[0]
    torch.testing.assert_close(padded[:, :4], short)
    assert not padded[:, 4:].any()


def test_steps_give_what_the_whole_sequence_gives():
    torch.manual_seed(0)
    layer, x, state, outputs = Recurrent(TITLE, 2, 3), torch.randn(2, 5, 2), None, []
    for x_t in x.unbind(1):
        y, state = layer.step(x_t, state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, 1), layer(x)[0])
'''

_TASK = '''"""Many to one: a label for a whole text."""

from dataclasses import dataclass

from seqkit.config import option
from seqkit.data import Example, SourceLocation
from seqkit.topologies.many_to_one import ManyToOne, ManyToOneOptions

LINES = {
    "question": ["where is it", "who said so", "when does it open", "why did they go", "how far is it", "what is this"],
    "answer": ["it is here", "they said so", "it opens at nine", "they went home", "it is not far", "this is a map"],
}


@dataclass(frozen=True, kw_only=True)
class TITLEConfig(ManyToOneOptions):
    """Options of the task, and its defaults; a new option is a field with option(default, help)."""

    data: str = option("example", "the data: example, or a CSV, TSV or JSONL file of texts and labels", path=True)
    repeats: int = option(20, "of the example: how often its lines are varied", minimum=1)


class TITLE(ManyToOne[TITLEConfig]):
    """Texts and their labels."""

    name = "NAME"
    summary = "a label for a whole text"
    config = TITLEConfig
    data_sets = {"example": "a few questions and answers, each with a number; put your own data here"}

    def read_source(self, config: TITLEConfig, data: str, notes: list[str]) -> list[Example]:
        """The examples of a data set, or of a file."""
        if data != "example":
            return super().read_source(config, data, notes)
        texts = [(f"{line} {n}", label) for n in range(config.repeats) for label in LINES for line in LINES[label]]
        return [Example(text, label, SourceLocation("example", n)) for n, (text, label) in enumerate(texts, 1)]


TASK = TITLE()
'''

_TASK_TEST = '''"""The task is read, trained, scored and applied."""

from seqkit.runs import start

from STEM import TASK


def test_every_example_has_a_text_and_a_label():
    splits = TASK.read(TASK.config(), [])
    assert len(splits.train) > len(splits.test) > 0
    assert {example.label for example in splits.train} == {"question", "answer"}


def test_a_small_model_learns_it(tmp_path):
    config = TASK.config(epochs=4, hidden_size=8, embedding_size=8, learning_rate=0.02, kernel="torch")
    session = start(TASK, config, tmp_path / "run", [])
    session.train()
    assert session.finish().results["test"]["accuracy"] > 0.8
    assert session.model().predict(["where is it 3"])[0].label == "question"


def test_a_file_takes_the_place_of_the_example(tmp_path):
    rows = "".join(f"text {number},{('a', 'b')[number % 2]}\\n" for number in range(40))
    (tmp_path / "my.csv").write_text("text,label\\n" + rows)
    splits = TASK.read(TASK.config(data=str(tmp_path / "my.csv")), [])
    assert {example.label for example in splits.train} == {"a", "b"}
'''


class Written(NamedTuple):
    """The files of a skeleton, and the name of its class."""

    source: Path
    test: Path
    title: str


def write_cell(name: str, folder: Path) -> Written:
    """Writes a cell and its test; raises :class:`UsageError` for a name that cannot be, and for files that exist."""
    return _write(name, folder, "cell", available_cells(), (_CELL, _CELL_TEST))


def write_task(name: str, folder: Path) -> Written:
    """Writes a task and its test; raises as :func:`write_cell` does."""
    return _write(name, folder, "task", available_tasks(), (_TASK, _TASK_TEST))


def _write(name: str, folder: Path, what: str, known: Collection[str], texts: tuple[str, str]) -> Written:
    stem = _stem(name, what, known)
    title = "".join(word.capitalize() for word in stem.split("_"))
    written = Written(folder / f"{stem}.py", folder / f"test_{stem}.py", title)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name one with --out")
    for path in written[:2]:
        if path.exists():
            raise UsageError(f"{path} exists; choose another name, or another folder with --out")
    if stem in sys.stdlib_module_names or stem in packages_distributions():
        raise UsageError(f"{stem}.py would hide the module {stem} of Python or of a package; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in zip(written[:2], texts, strict=True):
        filled = text.replace("TITLE", title).replace("STEM", stem).replace('"NAME"', f'"{stem.replace("_", "-")}"')
        write_atomic(path, filled.encode())
    return written


def _stem(name: str, what: str, known: Collection[str]) -> str:
    """The name as that of a module."""
    stem = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", stem) or keyword.iskeyword(stem):
        raise UsageError(f"{name!r:.80} cannot name a {what}; use small letters, digits and hyphens, such as my-{what}")
    if stem.replace("_", "-") in known:
        raise UsageError(f"seqkit has a {what} {stem.replace('_', '-')}; choose another name")
    return stem
