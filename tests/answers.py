"""Answers of two engines, beside each other."""

import dataclasses

import pytest


def alike(found, wanted):
    """Whether all texts are equal, and all numbers to five places."""
    if dataclasses.is_dataclass(wanted):
        return type(found) is type(wanted) and alike(dataclasses.asdict(found), dataclasses.asdict(wanted))
    if isinstance(wanted, float):
        return found == pytest.approx(wanted, abs=1e-5, rel=1e-5)
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(alike(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, tuple | list):
        return len(found) == len(wanted) and all(map(alike, found, wanted))
    return found == wanted
