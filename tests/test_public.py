"""The public surface: what is promised is there, layers point one way, and the README's code runs."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import seqkit

ROOT = Path(__file__).parents[1]
STOREYS = [
    "cells",
    "kernels",
    "layers",
    "data",
    "bench",
    "search",
    "export",
    "training",
    "runs",
    "report",
    "serve",
    "sklearn",
    "commands",
]


@pytest.mark.parametrize(
    "module",
    [
        "seqkit",
        "seqkit.cells",
        "seqkit.data",
        "seqkit.kernels",
        "seqkit.layers",
        "seqkit.runs",
        "seqkit.sklearn",
        "seqkit.training",
    ],
)
def test_every_promised_name_is_there(module):
    found = import_module(module)
    assert len(set(found.__all__)) == len(found.__all__) > 0
    assert all(hasattr(found, name) for name in found.__all__)


def test_each_storey_imports_only_those_above_it():
    for number, storey in enumerate(STOREYS):
        for path in (ROOT / "seqkit" / storey).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seqkit."):
                    target = node.module.split(".")[1]
                    assert target not in STOREYS[number + 1 :], f"{path}:{node.lineno} imports {node.module}"
                    assert target != "tasks", f"{path}:{node.lineno} imports {node.module}"


def test_no_module_uses_pickle():
    for path in [*(ROOT / "seqkit").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        text = path.read_text()
        assert not re.search(r"import pickle|torch\.(save|load)\(", text), path


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'Recurent'"):
        _ = seqkit.Recurent


BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_python_of_the_readme_runs(block, trained, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/sentiment-1").symlink_to(trained[0])
    exec(compile(block, "README.md", "exec"), {})


def test_the_readme_has_worked_examples():
    assert len(BLOCKS) >= 2
