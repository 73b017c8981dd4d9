"""The public surface: what is promised is there, and layers point one way."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import seqkit

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "module",
    [
        "seqkit",
        "seqkit.cells",
        "seqkit.data",
        "seqkit.kernels",
        "seqkit.layers",
        "seqkit.nn",
        "seqkit.runs",
        "seqkit.estimators",
        "seqkit.training",
    ],
)
def test_every_promised_name_is_there(module):
    found = import_module(module)
    assert len(set(found.__all__)) == len(found.__all__) > 0
    assert all(hasattr(found, name) for name in found.__all__)


def test_no_module_uses_pickle():
    for path in [*(ROOT / "seqkit").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        text = path.read_text()
        assert not re.search(r"import pickle|torch\.(save|load)\(", text), path


def test_an_unknown_name_is_not_an_attribute():
    with pytest.raises(AttributeError, match="no attribute 'Recurent'"):
        _ = seqkit.Recurent


def test_the_old_name_of_the_estimators_warns_of_its_end():
    script = "import seqkit.sklearn as old; import seqkit; print(old.SequenceTagger is seqkit.SequenceTagger)"
    done = subprocess.run([sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    assert "use seqkit.estimators" in done.stderr


def test_the_old_name_of_what_a_run_has_found_warns_of_its_end():
    import seqkit.runs

    with pytest.warns(DeprecationWarning, match=r"goes away in seqkit 0\.4; use 'seqkit\.runs\.RunOutcome'"):
        assert seqkit.runs.Outcome is seqkit.runs.RunOutcome


def test_names_that_moved_out_of_training_warn_and_are_found():
    training = import_module("seqkit.training")
    for name, home in (("Task", "seqkit.topologies"), ("Codec", "seqkit.topologies"), ("Table", "seqkit.tables")):
        with pytest.warns(DeprecationWarning, match=f"use {home}.{name}"):
            assert getattr(training, name) is getattr(import_module(home), name)
