"""Shared by the tests of predictions that are stopped, or made in parts."""

import pytest

from seqkit.runs import load


class Killed(BaseException):
    """As SIGKILL is, nobody catches it."""


@pytest.fixture(scope="module")
def model(trained):
    return load(trained[0])


@pytest.fixture
def small_groups(monkeypatch):
    """Four inputs are answered together, instead of thousands."""
    monkeypatch.setattr("seqkit.runs.rows._ROWS", 4)
