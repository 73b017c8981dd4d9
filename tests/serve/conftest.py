"""Models of every task behind the application, without a socket."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from starlette.testclient import TestClient

from seqkit.serve import Limits, ServedRun, make_app

# The tiny data and trials of every task are those of the contract.
_spec = importlib.util.spec_from_file_location("contract", Path(__file__).parents[1] / "contract" / "conftest.py")
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)
what, task, trial = contract.what, contract.task, contract.trial


@pytest.fixture(scope="module")
def served(trial):
    return ServedRun(trial.model, "v1", Limits())


def client_of(limits=None, paths=("one",), **options):
    """A client of an application that serves what ``open_run`` gives, by these names."""
    options = {"open_run": open_trained, **options}
    app = make_app({name: Path(name) for name in paths}, limits, **options)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=True)


def open_trained(path):
    raise AssertionError("give open_run")


@pytest.fixture(scope="module")
def client(served):
    with client_of(open_run=lambda path: served) as client:
        yield client


@pytest.fixture(scope="session")
def run(trained):
    """The folder of a finished run of sentiment."""
    return trained[0]


@pytest.fixture
def make_client(run):
    """Makes clients of the finished run, in a with of their own."""
    from seqkit.serve import open_served

    def make(limits=None, paths=("one",), **options):
        limits = limits or Limits()
        return client_of(limits, paths, **{"open_run": lambda path: open_served(run, limits), **options})

    return make
