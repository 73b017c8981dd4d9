"""The public surface: what is promised is there, and layers point one way."""

import ast
import re
import subprocess
import sys
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
    "search",
    "scores",
    "config",
    "graphs",
    "drawing",
    "pages",
    "training",
    "topologies",
    "checks",
    "runs",
    "export",
    "doctor",
    "inspection",
    "report",
    "estimators",
    "bench",
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
        "seqkit.estimators",
        "seqkit.training",
    ],
)
def test_every_promised_name_is_there(module):
    found = import_module(module)
    assert len(set(found.__all__)) == len(found.__all__) > 0
    assert all(hasattr(found, name) for name in found.__all__)


def test_each_storey_imports_only_those_above_it():
    for number, storey in enumerate(STOREYS):
        for path in (ROOT / "seqkit" / storey).rglob("*.py"):
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


def test_the_old_name_of_the_estimators_warns_of_its_end():
    script = "import seqkit.sklearn as old; import seqkit; print(old.SequenceTagger is seqkit.SequenceTagger)"
    done = subprocess.run([sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    assert "seqkit.sklearn is now seqkit.estimators" in done.stderr


def test_the_old_name_of_what_a_run_has_found_warns_of_its_end():
    import seqkit.runs

    with pytest.warns(DeprecationWarning, match=r"goes away in seqkit 0\.4; use 'seqkit\.runs\.RunOutcome'"):
        assert seqkit.runs.Outcome is seqkit.runs.RunOutcome
