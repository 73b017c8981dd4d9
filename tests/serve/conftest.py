"""Models of every task behind the application, without a socket."""

from importlib.util import find_spec

import pytest

if all(map(find_spec, ("starlette", "uvicorn", "httpx2"))):
    from seqkit.serve import Limits, open_served
    from seqkit.serve.runs import ServedRun
    from tests.serve.clients import client_of, contract

    what, task, trial = contract.what, contract.task, contract.trial
else:
    # Starlette's client has no version for Python 3.10.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def served(trial):
    return ServedRun(trial.model, "v1", Limits())


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

    def make(limits=None, paths=("one",), **options):
        limits = limits or Limits()
        return client_of(limits, paths, **{"open_run": lambda path: open_served(run, limits), **options})

    return make
